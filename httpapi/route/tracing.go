package route

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/api"
)

// tracing makes a server span for each request, named by its route. Without a
// tracer provider it costs nothing.
type tracing struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

func newTracing(provider trace.TracerProvider, propagator propagation.TextMapPropagator) tracing {
	if propagator == nil {
		propagator = propagation.TraceContext{}
	}
	if provider == nil {
		return tracing{propagator: propagator}
	}
	return tracing{provider.Tracer("github.com/buntime/keyval/httpapi"), propagator}
}

// routeTracer starts the spans of one route.
type routeTracer struct {
	tracing
	name       string
	options    []trace.SpanStartOption
	attributes []attribute.KeyValue // of every span; set once it is known to be wanted
}

func (t tracing) route(r *Route) routeTracer {
	return routeTracer{
		tracing: t,
		name:    r.Method + " " + r.Name(),
		options: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)},
		attributes: []attribute.KeyValue{
			attribute.String("http.request.method", r.Method),
			attribute.String("http.route", r.Name()),
		},
	}
}

// span is a request's span; the zero span does nothing.
type span struct{ span trace.Span }

// start continues the caller's trace if it sent one. The span has the path, but
// not the query, in which receipts and tokens may stand.
func (t routeTracer) start(r *http.Request) (context.Context, span) {
	ctx := r.Context()
	if r.Header["Traceparent"] != nil || r.Header["Baggage"] != nil { // looking for them costs as much as a span
		ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	if t.tracer == nil {
		return ctx, span{} // what is enqueued tells its receivers all the same
	}
	ctx, s := t.tracer.Start(ctx, t.name, t.options...)
	if s.IsRecording() {
		s.SetAttributes(t.attributes...)
		s.SetAttributes(asked(r)...)
	}
	return ctx, span{span: s}
}

// asked is what OpenTelemetry's conventions for HTTP servers want to know of a request.
func asked(r *http.Request) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		attribute.String("url.scheme", scheme(r)),
		attribute.String("url.path", fit(SentPath(r))),
		attribute.String("network.protocol.version", protocolVersion(r)),
	}
	if host, port, err := net.SplitHostPort(r.Host); err != nil {
		attributes = append(attributes, attribute.String("server.address", fit(r.Host)))
	} else if number, err := strconv.Atoi(port); err == nil {
		attributes = append(attributes, attribute.String("server.address", fit(host)), attribute.Int("server.port", number))
	}
	if client, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		attributes = append(attributes, attribute.String("client.address", client))
	}
	if agent := r.UserAgent(); agent != "" {
		attributes = append(attributes, attribute.String("user_agent.original", fit(agent)))
	}
	return attributes
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

func protocolVersion(r *http.Request) string {
	if r.ProtoMajor >= 2 {
		return strconv.Itoa(r.ProtoMajor)
	}
	return strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)
}

// longestAttribute bounds what a caller can put into a span.
const longestAttribute = 1024

// fit makes a caller's text fit for an attribute: exporters drop a whole batch for one
// string that is not UTF-8.
func fit(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), longestAttribute)], "\uFFFD")
}

// traceID names the trace for an exemplar, "" for a request that is not sampled.
func (s span) traceID() string {
	if s.span == nil || !s.span.SpanContext().IsSampled() {
		return ""
	}
	return s.span.SpanContext().TraceID().String()
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
			s.span.SetAttributes(attribute.String("error.type", string(outcome)))
			s.span.SetStatus(codes.Error, string(outcome))
		}
	}
	s.span.End()
}
