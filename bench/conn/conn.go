// Package conn is one HTTP/1.1 connection that asks one request at a time, at a fraction of
// what net/http costs: a harness that shares its machine with the server must leave it the
// processor. Requests and answers are fasthttp's; dialling, TLS and deadlines are here.
package conn

import (
	"context"
	"errors"
	"net/http"
)

// A Conn is a connection. It is for one goroutine. After a failure of the connection, the
// next Do dials again.
type Conn struct{}

// Config says where to and how.
type Config struct {
	// URL is the server's, with a base path if it has one: http:// or https://.
	URL string
	// Header is sent with each request, for example Authorization.
	Header http.Header
}

// Open returns a connection, dialled.
func Open(ctx context.Context, cfg Config) (*Conn, error) {
	return nil, errors.New("not built yet")
}

// Do sends a request and reads its whole answer. target is a path and query below the URL,
// header may be nil. The answer is valid until the next Do. A status is no error.
func (c *Conn) Do(ctx context.Context, method, target string, header http.Header, body []byte) (*Answer, error) {
	return nil, errors.New("not built yet")
}

// Close closes the connection.
func (c *Conn) Close() error { return nil }

// An Answer is a status, a body, and headers.
type Answer struct {
	Status int
	Body   []byte
}

// Header returns a header's value, empty if there is none.
func (a *Answer) Header(name string) string { return "" }
