package route

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/api"
)

// An Access is a request's record in the access log. It has the route's template and
// never the path or the query, in which keys, receipts and tickets stand; and nothing
// that keeps the request in memory, because a stream may outlive its call.
type Access struct {
	logger *slog.Logger
	span   trace.SpanContext
	begun  time.Time

	method, route, requestID, caller, remote string

	status   int
	received int64
}

// logAccess puts a request that has ended into the access log, unless a stream goes on
// in its place.
func (c *Call) logAccess(ctx context.Context, outcome api.Code) {
	if !c.Frame.cfg.AccessLog || c.takenOver {
		return
	}
	access := c.access()
	access.log(ctx, outcome, c.Sent)
}

// TakeAccess leaves the record to a stream that goes on without this call, and is nil
// where there is no access log.
func (c *Call) TakeAccess(ctx context.Context) *Access {
	c.takenOver = true
	if !c.Frame.cfg.AccessLog {
		return nil
	}
	access := c.access()
	access.span = trace.SpanContextFromContext(ctx)
	return &access
}

func (c *Call) access() Access {
	return Access{
		logger: c.Frame.cfg.Logger, begun: c.begun,
		method: c.method(), route: c.Route.Name(), requestID: c.id, caller: c.Caller(), remote: c.Request.RemoteAddr,
		status: c.sentStatus(), received: c.body.received,
	}
}

// End logs a stream that was taken over.
func (a *Access) End(outcome api.Code, sent int64) {
	if a != nil {
		a.log(trace.ContextWithSpanContext(context.Background(), a.span), outcome, sent)
	}
}

// StreamOutcome is that of a stream whose feed has returned: an error says that its
// reader has gone.
func StreamOutcome(err error) api.Code {
	if err != nil {
		return outcomeCanceled
	}
	return outcomeOK
}

func (a *Access) log(ctx context.Context, outcome api.Code, sent int64) {
	a.logger.LogAttrs(ctx, slog.LevelInfo, "request",
		slog.String("method", a.method),
		slog.String("route", a.route),
		slog.Int("status", a.status),
		slog.String("outcome", string(outcome)),
		slog.Float64("duration_ms", float64(time.Since(a.begun).Microseconds())/1000),
		slog.Int64("bytes_in", a.received),
		slog.Int64("bytes_out", sent),
		slog.String("request_id", a.requestID),
		slog.String("token", a.caller),
		slog.String("remote", a.remote),
	)
}

// method is one of HTTP's own: where no route matches, the caller may have written
// anything.
func (c *Call) method() string {
	if c.Route.Method != unmatchedMethod {
		return c.Route.Method
	}
	switch c.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return c.Request.Method
	}
	return "other"
}

// sentStatus is 0 where the caller had gone before anything was answered.
func (c *Call) sentStatus() int {
	if c.Status == 0 && c.answered {
		return http.StatusOK
	}
	return c.Status
}

// countBody has what is read of the body counted, for the access log.
func (c *Call) countBody() {
	if c.Frame.cfg.AccessLog && c.Request.Body != http.NoBody {
		c.body.ReadCloser = c.Request.Body
		c.Request.Body = &c.body
	}
}

// A countedBody is a request's body.
type countedBody struct {
	io.ReadCloser
	received int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.received += int64(n)
	return n, err
}
