package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/api"
)

// maxAnswerBytes bounds an answer and an event. The server's own budget is 64 MiB
// of entries.
const maxAnswerBytes = 72 << 20

// transport sends requests. It is shared by a client and its sessions.
type transport struct {
	http      *http.Client
	endpoints []string
	current   atomic.Uint32 // counts the moves from one endpoint to the next
	token     string
	userAgent string
	retry     RetryPolicy
	tracer    trace.Tracer // nil: spans are left to the caller
	log       *slog.Logger
}

// endpoint returns the one in use, and what movedOn needs to know about it.
func (t *transport) endpoint() (string, uint32) {
	turn := t.current.Load()
	return t.endpoints[turn%uint32(len(t.endpoints))], turn
}

// movedOn makes the next endpoint the one in use, unless another request that
// failed at the same time has done so.
func (t *transport) movedOn(turn uint32) {
	t.current.CompareAndSwap(turn, turn+1)
}

// call is one request, in a form that can be sent again.
type call struct {
	op     string // what the caller asked for, for errors and logs
	method string
	path   string // below the base URL, escaped, with its leading slash
	query  url.Values
	header http.Header
	body   []byte // JSON, or nil
	// reads asks for the session's position to be sent along.
	reads bool
	// repeatable allows to send the request again although it may have been
	// carried out: a read, or a write that has an idempotency key.
	repeatable bool
	// takes marks a request after which somebody has what nobody else gets, though it is a
	// GET: whether it is sent again is not for net/http to decide.
	takes bool
	wait  time.Duration // that the node was asked to hold back its answer
	// removed, if not nil, counts what a delete in several commits had removed when an
	// attempt failed.
	removed *int64
}

// note counts what a failed attempt has removed.
func (c call) note(err error) {
	if answer, ok := errors.AsType[*api.Error](err); ok && c.removed != nil {
		*c.removed += answer.DeletedCount
	}
}

// do sends c until it is answered and decodes the answer into out. Errors begin with the operation's name and wrap *api.Error if a node has
// refused it.
func (c *Client) do(ctx context.Context, call call, out any) error {
	ctx, span := c.startSpan(ctx, call)
	body, err := c.send(ctx, call)
	if err == nil {
		err = decode(body, out)
	}
	endSpan(span, out, err)
	if err != nil {
		return fmt.Errorf("keyval: %s: %w", call.op, err)
	}
	return nil
}

func decode(body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return &malformedError{err}
	}
	return nil
}

// send repeats c as far as that is safe and the policy allows, and returns the body
// of the answer.
func (c *Client) send(ctx context.Context, call call) ([]byte, error) {
	attempts := backoff{policy: c.retry, start: time.Now()}
	for {
		body, err := c.attempt(ctx, call)
		if err == nil {
			return body, nil
		}
		call.note(err)
		if ctx.Err() != nil {
			return nil, ended(ctx, err)
		}
		what := outcomeOf(err)
		if what == refused || what == unknown && !call.repeatable {
			return nil, err
		}
		if !attempts.wait(ctx, retryAfterOf(err)) {
			if ctx.Err() != nil {
				return nil, ended(ctx, err)
			}
			return nil, err
		}
		c.log.LogAttrs(ctx, slog.LevelDebug, "repeating a request",
			slog.String("op", call.op), slog.Int("failed", attempts.failed), slog.Any("err", err))
	}
}

// ended makes sure that an error tells that the caller's context has ended, also
// if that had a cause of its own.
func ended(ctx context.Context, err error) error {
	if errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// attempt sends c once and reads the whole answer. A node that has died without a
// word must not hold its caller for ever.
func (c *Client) attempt(ctx context.Context, call call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.retry.AttemptTimeout+call.wait)
	defer cancel()
	resp, err := c.open(ctx, call)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readBody(resp, maxAnswerBytes)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return body, nil
}

// open sends c once and returns the answer with its body still to be read, and
// closed. An error status is an error, an *api.Error.
func (c *Client) open(ctx context.Context, call call) (*http.Response, error) {
	base, turn := c.endpoint()
	req, err := c.newRequest(ctx, base, call)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			c.movedOn(turn)
		}
		return nil, err
	}
	if c.session != nil {
		c.session.seen(api.Versionstamp(resp.Header.Get(api.HeaderVersionstamp)))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	err = readError(resp)
	if resp.StatusCode >= 502 && outcomeOf(err) != refused {
		c.movedOn(turn)
	}
	return nil, err
}

func (c *Client) newRequest(ctx context.Context, base string, call call) (*http.Request, error) {
	target := base + call.path
	if len(call.query) > 0 {
		target += "?" + call.query.Encode()
	}
	var body io.Reader
	switch {
	case call.body != nil:
		body = bytes.NewReader(call.body)
	case call.takes:
		body = sentOnce{}
	}
	req, err := http.NewRequestWithContext(ctx, call.method, target, body)
	if err != nil {
		return nil, &malformedError{err}
	}
	for name, values := range call.header {
		req.Header[name] = values
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	req.Header.Set("User-Agent", c.userAgent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if call.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if call.reads && c.session != nil {
		if position := c.session.newest(); position != "" {
			req.Header.Set(api.HeaderMinVersionstamp, string(position))
		}
	}
	return req, nil
}

// sentOnce is a body of no bytes that net/http knows no way to read again. Without it,
// net/http sends a GET a second time by itself when a kept connection breaks before the
// answer. Over HTTP/1 the request is on the wire what it is without a body.
type sentOnce struct{}

func (sentOnce) Read([]byte) (int, error) { return 0, io.EOF }
func (sentOnce) Close() error             { return nil }

var errAnswerTooLarge = errors.New("the answer is over the client's limit")

// readBody reads an answer into one buffer of the announced size.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, &malformedError{errAnswerTooLarge}
	}
	var buf bytes.Buffer
	if resp.ContentLength > 0 {
		buf.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(resp.Body, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, &malformedError{errAnswerTooLarge}
	}
	return buf.Bytes(), nil
}
