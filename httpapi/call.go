package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

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

	reserved int64 // bytes of the server's budget for answers in flight

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

// body reads the request's body within the route's limit. The caller owns it:
// values are passed on without being copied.
func (c *call) body() ([]byte, error) {
	if c.hasRead {
		return c.raw, nil
	}
	if err := c.checkEncoding(); err != nil {
		return nil, err
	}
	limit := c.route.body.maxBytes
	if c.r.ContentLength > limit {
		return nil, bodyTooLarge(limit)
	}
	raw, err := readBody(c.r.Body, c.r.ContentLength, limit)
	if err != nil {
		return nil, err
	}
	c.raw, c.hasRead = raw, true
	return raw, nil
}

// checkEncoding refuses a body that is compressed: stored as it is, it would be no
// JSON, and unpacked it could be a million times as long.
func (c *call) checkEncoding() error {
	for _, line := range c.r.Header["Content-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				c.setHeader("Accept-Encoding", "identity") // RFC 9110, 15.5.16
				return errEncoded
			}
		}
	}
	return nil
}

// errEncoded refuses a body in another encoding than identity.
var errEncoded = errors.New("the body has a Content-Encoding; send it as it is, without one")

// readBody believes an announced length only as far as it would cost nothing if it
// were a lie.
func readBody(r io.Reader, announced, limit int64) ([]byte, error) {
	const most = 64 << 10
	size := int64(512)
	if announced >= 0 {
		size = min(announced, most)
	}
	// One byte more, so that the end is found without growing.
	buf := make([]byte, 0, size+1)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, bodyTooLarge(limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the body ends early", kv.ErrInvalidJSON)
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

func bodyTooLarge(limit int64) error {
	return fmt.Errorf("%w: the body has more than %d bytes", kv.ErrTooLarge, limit)
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
