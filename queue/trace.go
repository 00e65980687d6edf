package queue

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans"
)

// A Trace is what a message knows of the span that enqueued it: its W3C traceparent and,
// after a space, its tracestate. "" for a message whose enqueue was not sampled, or of
// which nobody said so.
type Trace string

// maxTraceState is how long a tracestate may be that is kept: what W3C asks for at least.
const maxTraceState = 512

// traceOf is what a message enqueued under ctx is to know.
func traceOf(ctx context.Context) Trace {
	if sc := trace.SpanContextFromContext(ctx); !sc.IsValid() || !sc.IsSampled() {
		return ""
	}
	parent, state := spans.Carried(ctx)
	if state == "" || len(state) > maxTraceState {
		return Trace(parent)
	}
	return Trace(parent + " " + state)
}

// Parent is the traceparent, "" for none.
func (t Trace) Parent() string {
	parent, _, _ := strings.Cut(string(t), " ")
	return parent
}

// State is the tracestate, "" for none.
func (t Trace) State() string {
	_, state, _ := strings.Cut(string(t), " ")
	return state
}

// span is the context of the span that enqueued the message, which is not valid for none.
func (t Trace) span() trace.SpanContext {
	return trace.SpanContextFromContext(spans.Carry(context.Background(), t.Parent(), t.State()))
}

// encode is the column.
func (t Trace) encode() any {
	if t == "" {
		return nil
	}
	return string(t)
}

// What spans of messages are called, by OpenTelemetry's conventions: by their operation
// and their queue.
const (
	sendSpan    = "send"
	receiveSpan = "receive"
	settleType  = "settle" // of ack, nack and extend
)

// messaging are the attributes of a span of one queue, or, with "", of several.
func messaging(operation, kind, name string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		attribute.String("messaging.system", "keyval"),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.operation.type", kind),
	}
	if name != "" {
		attributes = append(attributes, attribute.String("messaging.destination.name", name))
	}
	return attributes
}

// spanName is an operation on a queue; "" for several queues, or one that is not known.
func spanName(operation, name string) string {
	if name == "" {
		return operation
	}
	return operation + " " + name
}

// which says which messages a span is about: the only one, or how many.
func which(n int, id string) attribute.KeyValue {
	if n == 1 {
		return attribute.String("messaging.message.id", id)
	}
	return attribute.Int("messaging.batch.message_count", n)
}

// Send begins the span of the enqueueing, if what asks for it is recorded, and ties the
// messages to it, or else to the caller's span, if that is sampled. It must be called
// before the operation is handed over, and the span ended after it. A nil Part sends
// nothing.
func (p *Part) Send(ctx context.Context) (context.Context, spans.Span) {
	if p == nil {
		return ctx, spans.Span{}
	}
	var span spans.Span
	if p.queue.tracer.Records(ctx) {
		name := p.queueName()
		ctx, span = p.queue.tracer.Below(ctx, spanName(sendSpan, name), trace.SpanKindProducer)
		span.Set(messaging(sendSpan, sendSpan, name)...)
		span.Set(which(len(p.ids), p.ids[0]))
	}
	if sent := traceOf(ctx); sent != "" {
		for i := range p.messages {
			p.messages[i].trace = sent
		}
	}
	return ctx, span
}

// queueName is that of all its messages; "" if they are for several.
func (p *Part) queueName() string {
	name := p.messages[0].Queue
	for i := range p.messages {
		if p.messages[i].Queue != name {
			return ""
		}
	}
	return name
}

// begun is when a receiving begins that is traced; zero for one that is not.
func (q *Queue) begun(ctx context.Context) time.Time {
	if !q.tracer.Records(ctx) {
		return time.Time{}
	}
	return time.Now()
}

// received makes the span of messages that were received, linked with those that sent
// them. There is none for a wait that came to nothing.
func (q *Queue) received(ctx context.Context, name string, begun time.Time, got []Message) {
	if len(got) == 0 || begun.IsZero() {
		return
	}
	_, span := q.tracer.Begin(ctx, spanName(receiveSpan, name), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(begun), trace.WithLinks(senders(got)...),
		trace.WithAttributes(append(messaging(receiveSpan, receiveSpan, name), which(len(got), got[0].ID))...))
	span.End()
}

// senders are links with those who sent messages, as far as they are known.
func senders(of []Message) []trace.Link {
	var links []trace.Link
	for i := range of {
		if sent := of[i].Trace.span(); sent.IsValid() {
			links = append(links, trace.Link{SpanContext: sent})
		}
	}
	return links
}

// Received notes in the trace of the listening that one of its messages is delivered.
func (l *Listener) Received(ctx context.Context, m Message) {
	q := l.dispatcher.queue
	if begun := q.begun(ctx); !begun.IsZero() {
		q.received(ctx, m.Queue, begun, []Message{m})
	}
}

// traceSettling begins the span of an ack, nack or extend. The trace that it is in is the
// consumer's.
func (q *Queue) traceSettling(ctx context.Context, op string, s *settlement) (context.Context, spans.Span) {
	if !q.tracer.Records(ctx) {
		return ctx, spans.Span{}
	}
	operation, name := strings.TrimPrefix(op, "queue_"), s.receipt.queue()
	ctx, span := q.tracer.Below(ctx, spanName(operation, name), trace.SpanKindClient)
	span.Set(messaging(operation, settleType, name)...)
	span.Set(which(1, s.id))
	return ctx, span
}
