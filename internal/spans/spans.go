// Package spans is how the parts below HTTP take part in traces.
//
// Where no tracer was given, and below what is not recorded, nothing is made: the cost
// is a look at the context. So sampling is decided once, where a trace begins.
package spans

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// The names of spans, which docs/operations.md explains. A request's span is called by its
// route, a statement's by the statement's name. None has anything of a request in it.
const (
	// Commit is an operation, from being handed over to its answer.
	Commit = "commit"
	// Group is the transaction of a group of operations, linked with each of them.
	Group = "commit group"
	// Read is a point read, from being asked for to its answer.
	Read = "read"
	// Merged is one reading of what several such reads ask for, linked with each of them.
	Merged = "merged read"
	// Together is what several statements are that travel in one request.
	Together = "batch"
	// WatchBatch is a stretch of the change log that somebody watches.
	WatchBatch = "watch batch"
	// Job is one run of a leader's job.
	Job = "leader job"
	// Election is the beginning of leadership.
	Election = "leadership begins"
	// Resignation is its end.
	Resignation = "leadership ends"
	// Ring is a doorbell that was sent to the other nodes.
	Ring = "doorbell sent"
	// Rung is one that has come.
	Rung = "doorbell received"
)

// MostLinks is how many other spans one names: as many as the SDK keeps.
const MostLinks = 128

// A Tracer makes spans. The zero Tracer makes none.
type Tracer struct{ tracer trace.Tracer }

// From takes the tracer of a package out of a provider; nil for none.
func From(provider trace.TracerProvider, pkg string) Tracer {
	if provider == nil {
		return Tracer{}
	}
	return Tracer{provider.Tracer("github.com/buntime/keyval/" + pkg)}
}

// Off tells whether there is no tracer.
func (t Tracer) Off() bool { return t.tracer == nil }

// Records tells whether the span in ctx is recorded, and so what is below it.
func (t Tracer) Records(ctx context.Context) bool {
	return !t.Off() && trace.SpanFromContext(ctx).IsRecording()
}

// Below starts a span below the one in ctx, if that is recorded.
func (t Tracer) Below(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	if !t.Records(ctx) {
		return ctx, Span{}
	}
	return t.start(ctx, name, trace.WithSpanKind(kind))
}

// Begin starts a trace, as the sampler decides.
func (t Tracer) Begin(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, Span) {
	if t.Off() {
		return ctx, Span{}
	}
	return t.start(ctx, name, options...)
}

// start returns the zero Span for one that nobody records. It stays in the context all
// the same, so that what is below it does not begin a trace.
func (t Tracer) start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, Span) {
	ctx, span := t.tracer.Start(ctx, name, options...)
	if !span.IsRecording() {
		return ctx, Span{}
	}
	return ctx, Span{span}
}

// A Span is one that is recorded, or the zero Span, whose methods do nothing.
type Span struct{ span trace.Span }

// On tells whether the span is recorded: what it is told otherwise is not worth making.
func (s Span) On() bool { return s.span != nil }

// Set gives it attributes.
func (s Span) Set(attributes ...attribute.KeyValue) {
	if s.On() {
		s.span.SetAttributes(attributes...)
	}
}

// Join links the span with another one, which is recorded too, both ways.
func (s Span) Join(other trace.Span) {
	if s.On() {
		s.span.AddLink(trace.Link{SpanContext: other.SpanContext()})
		other.AddLink(trace.Link{SpanContext: s.span.SpanContext()})
	}
}

// Link links the span with one that may have ended, or be of another process.
func (s Span) Link(other trace.SpanContext) {
	if s.On() {
		s.span.AddLink(trace.Link{SpanContext: other})
	}
}

// Context is what others link with.
func (s Span) Context() trace.SpanContext {
	if !s.On() {
		return trace.SpanContext{}
	}
	return s.span.SpanContext()
}

// Fail says that what the span stands for has failed, and of which kind that is: an
// error's own words may hold a value.
func (s Span) Fail(kind string) {
	if s.On() {
		s.span.SetAttributes(attribute.String("error.type", kind))
		s.span.SetStatus(codes.Error, kind)
	}
}

// End ends it.
func (s Span) End() {
	if s.On() {
		s.span.End()
	}
}
