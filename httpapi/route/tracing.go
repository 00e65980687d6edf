package route

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/api"
)

// tracing makes a server span for each request, named by its route. Without a
// tracer provider it costs nothing.
type tracing struct{ tracer trace.Tracer }

func newTracing(provider trace.TracerProvider) tracing {
	if provider == nil {
		return tracing{}
	}
	return tracing{tracer: provider.Tracer("github.com/buntime/keyval/httpapi")}
}

// routeTracer starts the spans of one route.
type routeTracer struct {
	tracer  trace.Tracer
	name    string
	options []trace.SpanStartOption
}

func (t tracing) route(r *Route) routeTracer {
	return routeTracer{
		tracer: t.tracer,
		name:   r.Method + " " + r.Name(),
		options: []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(
				attribute.String("http.request.method", r.Method),
				attribute.String("http.route", r.Name()),
			),
		},
	}
}

// span is a request's span; the zero span does nothing.
type span struct{ span trace.Span }

// start continues the caller's trace if it sent one. The span has the path, but
// not the query, in which receipts and tokens may stand.
func (t routeTracer) start(r *http.Request) (context.Context, span) {
	ctx := r.Context()
	if t.tracer == nil {
		return ctx, span{}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	ctx, s := t.tracer.Start(ctx, t.name, t.options...)
	if s.IsRecording() {
		// Exporters drop a whole batch for one string that is not UTF-8.
		s.SetAttributes(attribute.String("url.path", strings.ToValidUTF8(SentPath(r), "\uFFFD")))
	}
	return ctx, span{span: s}
}

func (s span) end(outcome api.Code, status int, requestID string) {
	if s.span == nil {
		return
	}
	if s.span.IsRecording() {
		s.span.SetAttributes(
			attribute.Int("http.response.status_code", max(status, http.StatusOK)),
			attribute.String("keyval.outcome", string(outcome)),
			attribute.String("keyval.request_id", requestID),
		)
		if status >= http.StatusInternalServerError {
			s.span.SetStatus(codes.Error, string(outcome))
		}
	}
	s.span.End()
}
