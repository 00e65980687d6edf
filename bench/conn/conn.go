// Package conn is one HTTP/1.1 connection that asks one request at a time, at a fraction of
// what net/http costs: a harness that shares its machine with the server must leave it the
// processor. Requests and answers are fasthttp's; dialling, TLS and deadlines are here.
//
// In the steady state a request allocates nothing. Redirects are not followed, cookies are
// not kept, and no answer is asked for in a compressed form.
package conn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/valyala/fasthttp"
)

// MaxAnswer is how many bytes the body of an answer may have: a batch of everything that
// the API allows, and room to spare.
const MaxAnswer = 72 << 20

// A Conn is a connection. It is for one goroutine. After a failure of the connection, the
// next Do dials again.
type Conn struct {
	endpoint endpoint
	request  request
	response fasthttp.Response
	answer   Answer

	// These are of the connection, which is nil when there is none.
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	watch
}

// Open returns a connection, dialled.
func Open(ctx context.Context, cfg Config) (*Conn, error) {
	to, err := cfg.endpoint()
	if err != nil {
		return nil, err
	}
	c := &Conn{endpoint: to, in: bufio.NewReaderSize(nil, 16<<10), out: bufio.NewWriterSize(nil, 4<<10)}
	c.request.init(to, cfg.Header)
	c.response.KeepBodyBuffer = true
	c.answer.response = &c.response
	if err := c.dial(ctx); err != nil {
		return nil, c.explain(ctx, unreachable{err})
	}
	return c, nil
}

// Do sends a request and reads its whole answer. target is a path and query below the URL,
// header may be nil. The answer is valid until the next Do. A status is no error.
//
// The end of ctx ends Do with the error of ctx. If the server has closed the connection since
// it was dialled or last used, a GET or HEAD is sent again, once, on another; what else was
// sent may have been done, so that it fails. An answer with more than MaxAnswer bytes is
// fasthttp.ErrBodyTooLarge.
func (c *Conn) Do(ctx context.Context, method, target string, header http.Header, body []byte) (*Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.request.set(method, target, header, body)
	c.response.SkipBody = method == http.MethodHead
	used := c.isOpen(ctx)
	err := c.try(ctx)
	if err != nil && used && idempotent(method) && isUnanswered(err) && ctx.Err() == nil {
		used, err = false, c.try(ctx)
	}
	if err != nil && !used {
		err = unreachable{err}
	}
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	c.answer.Status, c.answer.Body = c.response.StatusCode(), c.response.Body()
	return &c.answer, nil
}

// idempotent says whether sending it twice does no more than sending it once. PUT and DELETE
// are not: they make versionstamps, and may carry a check.
func idempotent(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// isOpen says whether there is a connection, which from now on is ctx's.
func (c *Conn) isOpen(ctx context.Context) bool {
	if c.conn != nil && !c.watch.switchTo(ctx) {
		c.drop()
	}
	return c.conn != nil
}

// try does one exchange, dialling before if need be. A connection that is of no more use is
// closed.
func (c *Conn) try(ctx context.Context) error {
	if c.conn == nil {
		if err := c.dial(ctx); err != nil {
			return err
		}
	}
	err := c.exchange()
	// Bytes after an answer belong to nothing that was asked.
	if err != nil || c.response.ConnectionClose() || c.in.Buffered() > 0 {
		c.drop()
	}
	return err
}

// exchange sends the request and reads the answer.
func (c *Conn) exchange() error {
	if err := c.request.Write(c.out); err != nil {
		return unanswered{err}
	}
	if err := c.out.Flush(); err != nil {
		return unanswered{err}
	}
	if _, err := c.in.Peek(1); err != nil {
		return unanswered{err}
	}
	return c.response.ReadLimitBody(c.in, MaxAnswer)
}

// unanswered is a failure of the connection before anything of the answer came.
type unanswered struct{ error }

func (u unanswered) Unwrap() error { return u.error }

func isUnanswered(err error) bool { return errors.As(err, new(unanswered)) }

// unreachable is the failure of a connection that was made for a request, or could not be.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// IsUnreachable says whether an error means that there is nobody to talk to: no connection
// could be made, or one that was new brought no answer. To ask again at once would be in
// vain. A connection that has served before may end at any time, which says nothing.
func IsUnreachable(err error) bool { return errors.As(err, new(unreachable)) }

// explain says that ctx ended, if that is why, and else what happened.
func (c *Conn) explain(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return fmt.Errorf("connection to %s: %w", c.endpoint.address, err)
}

// Close closes the connection. Twice is safe.
func (c *Conn) Close() error {
	c.drop()
	return nil
}
