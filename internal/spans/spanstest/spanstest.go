// Package spanstest records the spans of a test and draws their trees.
package spanstest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/await"
)

// A Recorder is a tracer provider that keeps every span that has ended.
type Recorder struct {
	trace.TracerProvider
	spans *tracetest.SpanRecorder
}

// New records what the options sample; without any that is everything.
func New(options ...sdktrace.TracerProviderOption) *Recorder {
	r := &Recorder{spans: tracetest.NewSpanRecorder()}
	r.TracerProvider = sdktrace.NewTracerProvider(append(options, sdktrace.WithSpanProcessor(r.spans))...)
	return r
}

// A Span is one that has ended.
type Span = sdktrace.ReadOnlySpan

// Begin starts a trace, as a request does.
func (r *Recorder) Begin(ctx context.Context, name string) (context.Context, trace.Span) {
	return r.Tracer("test").Start(ctx, name)
}

// Named are the spans of a name, in the order of their beginnings.
func (r *Recorder) Named(name string) []Span {
	return r.where(func(s Span) bool { return s.Name() == name })
}

// Trace are the spans of a trace, in the order of their beginnings.
func (r *Recorder) Trace(id trace.TraceID) []Span {
	return r.where(func(s Span) bool { return s.SpanContext().TraceID() == id })
}

func (r *Recorder) where(holds func(Span) bool) []Span {
	all := r.spans.Ended()
	all = slices.DeleteFunc(all, func(s Span) bool { return !holds(s) })
	slices.SortStableFunc(all, func(a, b Span) int { return a.StartTime().Compare(b.StartTime()) })
	return all
}

// Await waits for a span of a name that meets a condition, nil for any.
func (r *Recorder) Await(t testing.TB, name string, holds func(Span) bool) Span {
	t.Helper()
	var found Span
	await.That(t, "a span "+name+" ends", func() bool {
		for _, s := range r.Named(name) {
			if holds == nil || holds(s) {
				found = s
				return true
			}
		}
		return false
	}, r.names)
	return found
}

// names are those of all spans that have ended, each once.
func (r *Recorder) names() string {
	var names []string
	for _, s := range r.spans.Ended() {
		names = append(names, s.Name())
	}
	slices.Sort(names)
	return "there are " + strings.Join(slices.Compact(names), ", ")
}

// Tree draws the trace that a span belongs to: a line for each span, below its parent's.
func (r *Recorder) Tree(of Span) string {
	var tree strings.Builder
	all := r.Trace(of.SpanContext().TraceID())
	var draw func(parent trace.SpanID, indent string)
	draw = func(parent trace.SpanID, indent string) {
		for _, s := range all {
			if s.Parent().SpanID() == parent {
				tree.WriteString(indent + s.Name() + "\n")
				draw(s.SpanContext().SpanID(), indent+"  ")
			}
		}
	}
	for _, s := range all {
		known := func(p Span) bool { return p.SpanContext().SpanID() == s.Parent().SpanID() }
		if !slices.ContainsFunc(all, known) {
			tree.WriteString(s.Name() + "\n")
			draw(s.SpanContext().SpanID(), "  ")
		}
	}
	return tree.String()
}

// Attribute is what a span has under a key, "" for nothing.
func Attribute(s Span, key string) string {
	for _, a := range s.Attributes() {
		if a.Key == attribute.Key(key) {
			return a.Value.String()
		}
	}
	return ""
}

// Links tells whether a span is linked with another one.
func Links(from, to Span) bool {
	return slices.ContainsFunc(from.Links(), func(l sdktrace.Link) bool {
		return l.SpanContext.SpanID() == to.SpanContext().SpanID()
	})
}
