package client

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/api"
)

// startSpan starts the span of an operation, all its attempts together. Without a tracer
// it is the caller's that each request carries.
func (c *Client) startSpan(ctx context.Context, call call) (context.Context, trace.Span) {
	if c.tracer == nil {
		return ctx, nil
	}
	return c.tracer.Start(ctx, "keyval "+call.op, trace.WithSpanKind(trace.SpanKindClient))
}

// endSpan ends it. What a dequeue has got is linked with those who sent it.
func endSpan(span trace.Span, out any, err error) {
	if span == nil {
		return
	}
	if got, ok := out.(*api.DequeueBatchResult); ok && err == nil {
		for _, m := range got.Messages {
			if sent := trace.SpanContextFromContext(WithSender(context.Background(), m)); sent.IsValid() {
				span.AddLink(trace.Link{SpanContext: sent})
			}
		}
	}
	endWith(span, err)
}

// endWith ends a span. It has the error's code alone: a sentence may quote a value.
func endWith(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", errorType(err)))
	}
	span.End()
}

// WithSender returns a context that continues the trace of a message: in it, a span is
// below the one that enqueued the message, and requests are of the same trace. Consume's
// handlers have such a context. A message without a trace leaves ctx as it is.
func WithSender(ctx context.Context, m api.Message) context.Context {
	if m.Traceparent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": m.Traceparent, "tracestate": m.Tracestate})
}

// startHandling starts the span of a message's handling, which is that of its sender
// without a tracer.
func (c *Client) startHandling(ctx context.Context, m api.Message) (context.Context, trace.Span) {
	ctx = WithSender(ctx, m)
	if c.tracer == nil {
		return ctx, nil
	}
	return c.tracer.Start(ctx, "process "+m.Queue, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "keyval"),
		attribute.String("messaging.operation.name", "process"),
		attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.destination.name", m.Queue),
		attribute.String("messaging.message.id", m.ID),
	))
}

func endHandling(span trace.Span, err error) {
	if span != nil {
		endWith(span, err)
	}
}

// errorType is the code of a node's refusal, else OpenTelemetry's word for the rest.
func errorType(err error) string {
	if answer, ok := errors.AsType[*api.Error](err); ok {
		return string(answer.Code)
	}
	return "_OTHER"
}
