package sqldb

import (
	"context"
	"database/sql/driver"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/tursodatabase/libsql-client-go/libsql"
)

// What stands before the host in a URL is a secret: a password, or a token in the place
// of a user. The errors of net/http name the URL, without its password only, and they go
// to the log. So HTTP is given it as the header that it would become, and WebSockets,
// which take no header, have it taken out of their errors.

// userOf is what a URL has before its host, nil for nothing, and the URL without it.
func userOf(address string) (user *url.Userinfo, bare string) {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return nil, address
	}
	user, u.User = u.User, nil
	return user, u.String()
}

// basicAuth is the header that net/http makes of a user.
func basicAuth(user *url.Userinfo) libsql.Option {
	password, _ := user.Password()
	text := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
	return libsql.WithRequestHeaders(map[string]string{"Authorization": "Basic " + text})
}

// A discreetConnector connects over WebSockets as a user, and does not say who that is.
type discreetConnector struct {
	driver.Connector
	user *url.Userinfo
}

func (c discreetConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil && c.user != nil {
		err = &discreetError{err, c.user}
	}
	return conn, err
}

// A discreetError is an error without the user that it names.
type discreetError struct {
	error
	user *url.Userinfo
}

func (e *discreetError) Unwrap() error { return e.error }

func (e *discreetError) Error() string {
	// net/http writes a name that goes with a password as it is, any other escaped.
	return strings.NewReplacer(e.user.String()+"@", "", e.user.Username()+":***@", "").Replace(e.error.Error())
}
