package httpapi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// endpoint serves a route under a dialect. It owns everything that all routes have
// in common; see the package comment.
func (s *Server) endpoint(r *route, d *dialect) http.HandlerFunc {
	meter := s.metrics.meter(r)
	tracer := s.tracing.route(r)
	return func(w http.ResponseWriter, req *http.Request) {
		start := time.Now()
		c := &call{server: s, route: r, dialect: d, w: w, r: req, id: requestID(req), content: share{of: s.memory}, answer: share{of: s.memory}}
		defer c.release()
		c.setHeader(api.HeaderRequestID, c.id)
		ctx, span := tracer.start(req)
		outcome := c.run(ctx)
		c.releaseBody()
		if outcome != outcomeCanceled && !c.streaming {
			if err := c.send(); err != nil && c.unsent != nil {
				c.unsent()
			}
		}
		span.end(outcome, c.status, c.id)
		meter.observe(outcome, time.Since(start))
	}
}

// run serves the call and returns the outcome. Afterwards the answer is complete.
func (c *call) run(ctx context.Context) (outcome api.Code) {
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
		return c.fail(ctx, err)
	}
	return outcomeOK
}

func (c *call) serve(ctx context.Context) (err error) {
	if err = checkTarget(c.r); err != nil {
		return err
	}
	if err = c.checkSource(); err != nil {
		return err
	}
	if c.query, err = c.route.parseQuery(c.r.URL.RawQuery); err != nil {
		return err
	}
	if err = c.checkPreconditions(); err != nil {
		return err
	}
	if c.route.waits {
		if err = c.beginWait(); err != nil {
			return err
		}
	} else {
		c.out = c.server.buffers.get()
	}
	return c.route.serve(ctx, c)
}

// beginWait makes ready for a wait of any length: the request has been read, and what
// bounds requests must not end it.
func (c *call) beginWait() error {
	if err := c.settleBody(); err != nil {
		return err
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	_ = setWriteDeadline(c.w, time.Time{})
	return nil
}

// context gives a route its time: the operation timeout, or until the caller has
// gone or the node drains.
func (c *call) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if !c.route.waits {
		return context.WithTimeout(ctx, c.server.cfg.OperationTimeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.server.waits, func() { cancel(errDraining) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (c *call) panicked(ctx context.Context, p any) api.Code {
	if p == any(http.ErrAbortHandler) { // a panic's value, no error that was wrapped
		panic(p)
	}
	c.server.cfg.Logger.ErrorContext(ctx, "panic while serving",
		"request_id", c.id, "route", c.route.name(), "path", sentPath(c.r), "panic", p, "stack", string(debug.Stack()))
	if c.streaming {
		// Part of a stream is out: the connection must break, so that its reader
		// does not take this for the end.
		panic(http.ErrAbortHandler)
	}
	return c.fail(ctx, fmt.Errorf("panic: %v", p))
}

// send writes the answer at once. Who has gone needs none; the error matters only
// to a route that must know (see call.unsent).
func (c *call) send() error {
	if c.unsent != nil && c.r.Context().Err() != nil {
		return context.Cause(c.r.Context())
	}
	h := c.w.Header()
	if len(c.out) > 0 {
		contentType := c.contentType
		if contentType == "" {
			contentType = "application/json"
			c.out = append(c.out, '\n') // a terminal's prompt begins on a line of its own
		}
		c.compress()
		h["Content-Type"] = []string{contentType}
	}
	if c.status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(c.out))}
	}
	if c.server.draining.Load() {
		h["Connection"] = []string{"close"}
	}
	if c.status != 0 && c.status != http.StatusOK {
		c.w.WriteHeader(c.status)
	}
	err := c.server.pace(responseSink{c.w}, c.out)
	if err == nil && c.unsent != nil {
		// Out of the server's buffer, so that an error shows now.
		err = http.NewResponseController(c.w).Flush()
	}
	return err
}

// requestID is the caller's, if it is fit for a log, or a new one.
func requestID(r *http.Request) string {
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
