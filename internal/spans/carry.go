package spans

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// The headers of W3C's trace context, which travel also where there are no headers.
const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
)

// Carried is the span in ctx as it travels to where it goes on; both are empty without one.
func Carried(ctx context.Context) (parent, state string) {
	sent := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, sent)
	return sent[traceparent], sent[tracestate]
}

// Carry is a context with a span that has travelled, if it is one.
func Carry(ctx context.Context, parent, state string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent, tracestate: state})
}
