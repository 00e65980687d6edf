package httpapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// A call is one request and the answer to it. Routes read the request through it
// and encode the answer into it; the endpoint sends it when the route returns.
type call struct {
	server  *Server
	route   *route
	dialect *dialect

	w  http.ResponseWriter
	r  *http.Request
	id string // X-Request-Id
	// caller is who sent the request, as authentication has it; "" for anyone.
	caller string
	query  query

	// status of the answer; 0 means 200.
	status int
	// out is the answer's body.
	out []byte
	// contentType of the answer; empty means application/json.
	contentType string
	// unsent, if not nil, is called when the answer could not be sent: what it
	// hands over is not lost with it.
	unsent func()
	// streaming is set once the answer's header has been sent by a stream.
	streaming bool
	// opened is the stream, unless it has a connection of its own.
	opened *eventStream

	// content and answer are what the two bodies have of the server's memory.
	content, answer share

	raw     []byte // the request's body, once read
	hasRead bool
}

// key is the key that the path ends in.
func (c *call) key() (kv.Key, error) {
	return kv.ParseKeyPath(sentPath(c.r)[len(c.dialect.base)+len("/keys/"):])
}

// pathValue is a parameter within the route's pattern, decoded.
func (c *call) pathValue(name string) (string, error) {
	value, err := url.PathUnescape(chi.URLParam(c.r, name))
	if err != nil {
		return "", invalidArgument("%s has a broken percent escape", name)
	}
	return value, nil
}

// bounded is a context for work in the database on a route that waits.
func (c *call) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.server.cfg.OperationTimeout)
}

// setHeader sets a header of the answer. The name must be in canonical form.
func (c *call) setHeader(name, value string) { c.w.Header()[name] = []string{value} }

// setVersionstamp tells the position that the answer shows.
func (c *call) setVersionstamp(v kv.Versionstamp) {
	if v != "" {
		c.setHeader(api.HeaderVersionstamp, string(v))
	}
}
