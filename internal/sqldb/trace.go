package sqldb

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans"
)

// beginCommit begins the span of an operation that waits for its group.
func (db *DB) beginCommit(ctx context.Context, op *Op) (context.Context, spans.Span) {
	ctx, span := db.spans.Below(ctx, spans.Commit, trace.SpanKindInternal)
	if span.On() {
		span.Set(attribute.String("keyval.operation", op.Name))
	}
	return ctx, span
}

func endCommit(span spans.Span, commit Commit, err error) {
	if !span.On() {
		return
	}
	outcome := outcomeOf(err)
	span.Set(attribute.String("keyval.outcome", outcome))
	switch {
	case err == nil:
		span.Set(attribute.String("keyval.versionstamp", string(commit.Versionstamp())))
	case outcome != outcomeRefused: // which is what the caller asked to be told
		span.Fail(outcome)
	}
	span.End()
}

// trace begins the span of a transaction, if any of its operations is traced: below the
// first one that is, and linked both ways with each of them.
func (a *attempt) trace(ctx context.Context) (context.Context, spans.Span) {
	var span spans.Span
	if a.db.spans.Off() {
		return ctx, span
	}
	joined := 0
	for _, w := range a.group {
		of := trace.SpanFromContext(w.ctx)
		if !of.IsRecording() {
			continue
		}
		if !span.On() {
			ctx, span = a.db.spans.Below(trace.ContextWithSpan(ctx, of), spans.Group, trace.SpanKindInternal)
		}
		if joined++; joined > spans.MostLinks {
			of.AddLink(trace.Link{SpanContext: span.Context()})
			continue
		}
		span.Join(of)
	}
	return ctx, span
}

// endTrace ends it with what has become of the transaction.
func (a *attempt) endTrace(span spans.Span, err error) {
	if !span.On() {
		return
	}
	span.Set(
		attribute.Int("keyval.group.operations", len(a.group)),
		attribute.Int("keyval.group.try", a.try+1),
		attribute.Bool("keyval.group.wrote", a.wrote),
		attribute.Bool("keyval.group.locked", a.locked),
	)
	switch {
	case err == nil:
	case errors.Is(err, errRetry):
		span.Set(attribute.String("keyval.outcome", "retry"))
	default:
		span.Set(attribute.String("keyval.outcome", outcomeOf(err)))
		span.Fail(outcomeOf(err))
	}
	span.End()
}

// tellLost notes that a group's answer was lost: its transaction's span shows nothing of
// what finds out, which goes on when the group's time is over.
func tellLost(ctx context.Context) {
	trace.SpanFromContext(ctx).AddEvent("the outcome is being asked for")
}

// beginRead begins the span of a point read that may be merged with others.
func (db *DB) beginRead(ctx context.Context, keys int) (context.Context, spans.Span) {
	ctx, span := db.spans.Below(ctx, spans.Read, trace.SpanKindInternal)
	if span.On() {
		span.Set(attribute.Int("keyval.keys", keys))
	}
	return ctx, span
}

// beginMerged begins that of what is read for several.
func (db *DB) beginMerged(ctx context.Context, reads, keys int) (context.Context, spans.Span) {
	ctx, span := db.spans.Below(ctx, spans.Merged, trace.SpanKindInternal)
	span.Set(attribute.Int("keyval.reads", reads), attribute.Int("keyval.keys", keys))
	return ctx, span
}

func endRead(span spans.Span, err error) {
	if !span.On() {
		return
	}
	if outcome := outcomeOf(err); err != nil && outcome != outcomeRefused {
		span.Fail(outcome)
	}
	span.End()
}

// A tracedRead is the span of a read that waits to be merged.
type tracedRead struct{ span trace.Span }

// traced is nil for a caller who is not traced: then it costs nothing.
func (db *DB) traced(ctx context.Context) *tracedRead {
	if !db.spans.Records(ctx) {
		return nil
	}
	return &tracedRead{trace.SpanFromContext(ctx)}
}
