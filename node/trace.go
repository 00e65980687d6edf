package node

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/internal/spans"
	"github.com/buntime/keyval/internal/sqldb"
)

// ring tells the other nodes of a commit. It has a span where that is traced and there is
// somebody to tell, and then so has its arrival at the others.
func (n *Node) ring(ctx context.Context, p sqldb.Position) {
	d := cluster.Doorbell{Position: string(p)}
	if n.spans.Records(ctx) && len(n.cluster.Members()) > 1 {
		sent, span := n.spans.Below(ctx, spans.Ring, trace.SpanKindProducer)
		span.Set(attribute.String("keyval.position", d.Position))
		defer span.End()
		d.Trace, _ = spans.Carried(sent)
	}
	n.cluster.Ring(d)
}

// beginRung begins the span of a doorbell that has come from a commit that is traced. Who
// leads repeats the newest position all the time: that is no commit.
func (n *Node) beginRung(d cluster.Doorbell) (context.Context, spans.Span) {
	ctx := context.Background()
	if d.Trace == "" || n.spans.Off() {
		return ctx, spans.Span{}
	}
	ctx, span := n.spans.Begin(spans.Carry(ctx, d.Trace, ""), spans.Rung, trace.WithSpanKind(trace.SpanKindConsumer))
	if span.On() {
		span.Set(attribute.String("keyval.position", d.Position), attribute.Int("keyval.queues", len(d.Queues)))
	}
	return ctx, span
}

// traceReign makes a span of the beginning of leadership, and what it returns one of its
// end.
func (n *Node) traceReign(ctx context.Context, epoch uint64) (end func()) {
	about := []attribute.KeyValue{attribute.String("keyval.node", n.id), attribute.Int64("keyval.epoch", int64(epoch))}
	_, span := n.spans.Begin(ctx, spans.Election)
	span.Set(about...)
	span.End()
	return func() {
		_, last := n.spans.Begin(context.Background(), spans.Resignation, linked(span))
		last.Set(append(about, attribute.String("keyval.cause", context.Cause(ctx).Error()))...)
		last.End()
	}
}

func linked(with spans.Span) trace.SpanStartOption {
	if !with.On() {
		return trace.WithLinks()
	}
	return trace.WithLinks(trace.Link{SpanContext: with.Context()})
}

// beginJob begins the span of one run of a job.
func (n *Node) beginJob(ctx context.Context, j job, epoch uint64) (context.Context, spans.Span) {
	ctx, span := n.spans.Begin(ctx, spans.Job)
	if span.On() {
		span.Set(attribute.String("keyval.job", j.name), attribute.Int64("keyval.epoch", int64(epoch)))
	}
	return ctx, span
}

func endJob(ctx context.Context, span spans.Span, done int64, err error) {
	if !span.On() {
		return
	}
	span.Set(attribute.Int64("keyval.done", done))
	switch {
	case err == nil:
	case errors.Is(err, sqldb.ErrFenced):
		span.Fail("fenced")
	case ctx.Err() != nil:
		span.Fail("leadership lost")
	default:
		span.Fail("failed")
	}
	span.End()
}
