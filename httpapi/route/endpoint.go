package route

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// Endpoint serves a route under a dialect. It owns everything that all routes have
// in common; see the package comment.
func (f *Frame) Endpoint(r *Route, d *Dialect) http.HandlerFunc {
	meter := f.metrics.meter(r)
	tracer := f.tracing.route(r)
	return func(w http.ResponseWriter, req *http.Request) {
		c := &Call{Frame: f, Route: r, Dialect: d, Writer: w, Request: req, id: RequestID(req), begun: time.Now(), head: f.NewShare(), content: f.NewShare(), answer: f.NewShare()}
		defer c.release()
		c.SetHeader(api.HeaderRequestID, c.id)
		c.countBody()
		ctx, span := tracer.start(req)
		outcome := api.Internal // where a panic breaks the connection
		defer func() { c.logAccess(ctx, outcome) }()
		outcome = c.run(ctx)
		c.ReleaseBody()
		if outcome != outcomeCanceled && !c.streaming {
			if err := c.send(); err != nil && c.Unsent != nil {
				c.Unsent()
			}
		}
		c.audit(ctx, outcome)
		span.end(outcome, c.Status, c.id)
		meter.observe(outcome, time.Since(c.begun), span.traceID())
	}
}

// run serves the call and returns the outcome. Afterwards the answer is complete.
func (c *Call) run(ctx context.Context) (outcome api.Code) {
	defer func() {
		if p := recover(); p != nil {
			outcome = c.panicked(ctx, p)
		}
	}()
	ctx, cancel := c.context(ctx)
	defer cancel()
	err := c.serve(ctx)
	if err == nil {
		err = c.account(ctx)
	}
	if err != nil {
		c.guessed(err)
		return c.fail(ctx, err)
	}
	return outcomeOK
}

func (c *Call) serve(ctx context.Context) (err error) {
	if err = c.knock(); err != nil {
		return err
	}
	if err = checkTarget(c.Request); err != nil {
		return err
	}
	if err = c.claimHead(); err != nil {
		return err
	}
	if admit := c.Frame.cfg.Admit; admit != nil {
		if err = admit(c.Route, c.Request); err != nil {
			return err
		}
	}
	if err = c.authenticate(ctx); err != nil {
		return err
	}
	if err = c.enter(); err != nil {
		return err
	}
	if c.Query, err = c.Route.ParseQuery(c.Request.URL.RawQuery); err != nil {
		return err
	}
	if err = c.checkPreconditions(); err != nil {
		return err
	}
	if c.Route.Waits {
		return c.serveWait(ctx)
	}
	c.Out = c.Frame.buffers.get()
	return c.Route.Serve(ctx, c)
}

// serveWait serves a route that may take any length, which ends with what its caller may.
func (c *Call) serveWait(ctx context.Context) error {
	if err := c.beginWait(); err != nil {
		return err
	}
	ctx, end := c.whileGranted(ctx)
	defer end()
	err := c.Route.Serve(ctx, c)
	if errors.Is(err, context.Canceled) && c.Grant.Context().Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// beginWait makes ready for a wait of any length: the request has been read, and what
// bounds requests must not end it.
func (c *Call) beginWait() error {
	if err := c.settleBody(); err != nil {
		return err
	}
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
	_ = setWriteDeadline(c.Writer, time.Time{})
	return nil
}

// context gives a route its time: the operation timeout, or until the caller has
// gone or the node drains.
func (c *Call) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if !c.Route.Waits {
		return context.WithTimeout(ctx, c.Frame.cfg.OperationTimeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.Frame.waits, func() { cancel(Draining) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (c *Call) panicked(ctx context.Context, p any) api.Code {
	if p == any(http.ErrAbortHandler) { // a panic's value, no error that was wrapped
		panic(p)
	}
	c.Frame.cfg.Logger.ErrorContext(ctx, "panic while serving",
		"request_id", c.id, "route", c.Route.Name(), "path", SentPath(c.Request), "panic", p, "stack", string(debug.Stack()))
	if c.streaming {
		// Part of a stream is out: the connection must break, so that its reader
		// does not take this for the end.
		panic(http.ErrAbortHandler)
	}
	return c.fail(ctx, fmt.Errorf("panic: %v", p))
}

// send writes the answer at once. Who has gone needs none; the error matters only
// to a route that must know (see Call.Unsent).
func (c *Call) send() error {
	if c.Unsent != nil && c.Request.Context().Err() != nil {
		return context.Cause(c.Request.Context())
	}
	c.answered = true
	h := c.Writer.Header()
	if len(c.Out) > 0 {
		contentType := c.ContentType
		if contentType == "" {
			contentType = "application/json"
			c.Out = append(c.Out, '\n') // a terminal's prompt begins on a line of its own
		}
		c.compress()
		h["Content-Type"] = []string{contentType}
	}
	if c.Status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(c.Out))}
	}
	if c.Frame.draining.Load() {
		h["Connection"] = []string{"close"}
	}
	if c.Status != 0 && c.Status != http.StatusOK {
		c.Writer.WriteHeader(c.Status)
	}
	n, err := c.write()
	if c.Request.Method != http.MethodHead { // which net/http drops
		c.Sent = n
	}
	if err == nil && c.Unsent != nil {
		// Out of the server's buffer, so that an error shows now.
		err = http.NewResponseController(c.Writer).Flush()
	}
	return err
}

// write writes the answer while its reader takes it. What is small and shares its
// connection goes by the server's own deadline: another one is a message to who serves the
// connection, and costs more than the answer.
func (c *Call) write() (int64, error) {
	if c.Request.ProtoMajor == 2 && len(c.Out) <= FreeBytes {
		n, err := c.Writer.Write(c.Out)
		return int64(n), err
	}
	return c.Frame.Pace(ResponseSink{c.Writer}, c.Out)
}

// RequestID is the caller's, if it is fit for a log, or a new one.
func RequestID(r *http.Request) string {
	if given := r.Header[api.HeaderRequestID]; len(given) > 0 && validRequestID(given[0]) {
		return given[0]
	}
	// It only has to be different from others in the same logs.
	return strconv.FormatUint(rand.Uint64(), 36)
}

func validRequestID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= 128
}

// unmatchedMethod is that of what no route matches.
const unmatchedMethod = "any"

// Unmatched serves what no route matches, as if it were a route, so that it has a
// request id, metrics and JSON errors like all others.
func (f *Frame) Unmatched(serve func(context.Context, *Call) error) http.HandlerFunc {
	return f.Endpoint(&Route{
		Method: unmatchedMethod, Pattern: "unmatched", Op: "unmatched", Tag: &Tag{}, anyRequest: true, Serve: serve,
	}, &Dialect{})
}
