package conn

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Config says where to and how.
type Config struct {
	// URL is the server's, with a base path if it has one: http:// or https://.
	URL string
	// Header is sent with each request, for example Authorization.
	Header http.Header
	// TLS is for https; nil trusts the system's authorities.
	TLS *tls.Config
	// Dial connects to a host:port over "tcp"; nil is the network's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// endpoint is where requests go.
type endpoint struct {
	address string // host:port
	host    string // as the header says it
	base    string // what each path begins with, without a slash at its end
	tls     *tls.Config
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

func (cfg Config) endpoint() (endpoint, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return endpoint{}, err
	}
	if err := check(u); err != nil {
		return endpoint{}, fmt.Errorf("URL %q: %w", u.Redacted(), err)
	}
	to := endpoint{host: u.Host, base: strings.TrimSuffix(u.EscapedPath(), "/"), dial: cfg.Dial}
	if to.dial == nil {
		to.dial = new(net.Dialer).DialContext
	}
	port := "80"
	if u.Scheme == "https" {
		port, to.tls = "443", cfg.tls(u.Hostname())
	}
	to.address = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	return to, nil
}

// check says what is wrong with a URL.
func check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("begins with neither http:// nor https://")
	case u.Hostname() == "":
		return errors.New("names no host")
	case u.User != nil:
		return errors.New("has a user or a password: send them as the header Authorization")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("has a query or a fragment: leave it out")
	}
	return nil
}

// tls is how to speak to a host.
func (cfg Config) tls(host string) *tls.Config {
	var c *tls.Config
	if c = cfg.TLS.Clone(); c == nil {
		c = new(tls.Config)
	}
	c.ServerName = cmp.Or(c.ServerName, host)
	return c
}
