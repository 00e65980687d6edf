package watch

import (
	"context"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans"
	"github.com/buntime/keyval/kv"
)

// callers are those who are traced and have told of a commit that is not read yet.
type callers struct {
	mu   sync.Mutex
	told []caller
}

type caller struct {
	position kv.Versionstamp
	span     trace.SpanContext
}

// mostCallers bounds them: the oldest are forgotten, which costs a link.
const mostCallers = 64

func (c *callers) note(v kv.Versionstamp, span trace.SpanContext) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.told) == mostCallers {
		c.told = append(c.told[:0], c.told[1:]...)
	}
	c.told = append(c.told, caller{v, span})
}

// between takes out those whose commits come after a position, and not after another one.
// It forgets what came before.
func (c *callers) between(after, end kv.Versionstamp) []trace.SpanContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	var taken []trace.SpanContext
	c.told = slices.DeleteFunc(c.told, func(told caller) bool {
		if told.position > after && told.position <= end {
			taken = append(taken, told.span)
		}
		return told.position <= end
	})
	return taken
}

// trace begins the span of a batch of which somebody watches something: below the first of
// those who told of it, if they are known, and linked with all of them.
func (h *Hub) trace(ctx context.Context, after kv.Versionstamp, b batch, wanted int) (context.Context, spans.Span) {
	if h.spans.Off() {
		return ctx, spans.Span{}
	}
	callers := h.callers.between(after, b.end)
	if wanted == 0 {
		return ctx, spans.Span{}
	}
	if len(callers) > 0 {
		ctx = trace.ContextWithSpanContext(ctx, callers[0])
	}
	ctx, span := h.spans.Begin(ctx, spans.WatchBatch, trace.WithTimestamp(b.asked))
	if !span.On() {
		return ctx, span
	}
	for _, caller := range callers {
		span.Link(caller)
	}
	span.Set(
		attribute.Int("keyval.changes", len(b.changes)),
		attribute.Int("keyval.watched", wanted),
		attribute.String("keyval.position", string(b.end)),
		attribute.String("keyval.database", b.database()),
	)
	return ctx, span
}

// database is where the batch was read.
func (b *batch) database() string {
	if b.primary {
		return "primary"
	}
	return "replica"
}
