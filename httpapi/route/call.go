package route

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
)

// A Call is one request and the answer to it. Routes read the request through it
// and encode the answer into it; the frame sends it when the route returns.
type Call struct {
	Frame   *Frame
	Route   *Route
	Dialect *Dialect

	Writer  http.ResponseWriter
	Request *http.Request
	id      string // X-Request-Id
	begun   time.Time
	// Grant is what the caller may do. A route with a scope is served with one that has
	// it; under access.Open it is that of nobody.
	Grant *access.Grant
	Query Query

	// Status of the answer; 0 means 200.
	Status int
	// Out is the answer's body.
	Out []byte
	// ContentType of the answer; empty means application/json.
	ContentType string
	// Sent is how many bytes of the answer's body have been written.
	Sent int64
	// Unsent, if not nil, is called when the answer could not be sent: what it
	// hands over is not lost with it.
	Unsent func()
	// AtEnd, if not nil, is called when nothing more is done for the call.
	AtEnd func()
	// administrative is set for what the log is to name the caller of.
	administrative bool
	// streaming is set once the answer's header belongs to a stream.
	streaming bool
	// answered is set once an answer is sent, takenOver once a stream goes on without
	// the call.
	answered, takenOver bool

	// address is where the request comes from, pass what lets it out.
	address netip.Prefix
	pass    access.Pass
	// head, content and answer are what the header and the two bodies have of the
	// frame's memory.
	head, content, answer Share

	body    countedBody // unused without an access log
	raw     []byte      // the request's body, once read
	hasRead bool
}

// PathAfter is what follows a prefix in the path below the mount, byte for byte as
// it was sent.
func (c *Call) PathAfter(prefix string) string {
	return SentPath(c.Request)[len(c.Dialect.Base)+len(prefix):]
}

// PathValue is a parameter within the route's pattern, decoded.
func (c *Call) PathValue(name string) (string, error) {
	value, err := url.PathUnescape(chi.URLParam(c.Request, name))
	if err != nil {
		return "", InvalidArgument("%s has a broken percent escape", name)
	}
	return value, nil
}

// Bounded is a context for work in the database on a route that waits.
func (c *Call) Bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.Frame.cfg.OperationTimeout)
}

// SetHeader sets a header of the answer. The name must be in canonical form.
func (c *Call) SetHeader(name, value string) { c.Writer.Header()[name] = []string{value} }

// SetVersionstamp tells the position that the answer shows.
func (c *Call) SetVersionstamp(v api.Versionstamp) {
	if v != "" {
		c.SetHeader(api.HeaderVersionstamp, string(v))
	}
}

// BeginStream leaves the answer to a stream: from now on the route can return an
// error, but it is not rendered.
func (c *Call) BeginStream() {
	c.streaming = true
	c.Status = http.StatusOK
}
