package queue_test

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/internal/spans/spanstest"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// send enqueues messages as a request does whose context is given.
func (n *node) send(ctx context.Context, messages ...queue.Enqueue) {
	n.t.Helper()
	part, err := n.NewPart(messages)
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, sending := part.Send(ctx)
	defer sending.End()
	if _, err := n.store.Atomic(ctx, kv.AtomicRequest{Parts: []sqldb.Part{part}}); err != nil {
		n.t.Fatal(err)
	}
}

// caller is the context of a request from elsewhere.
func caller(t *testing.T, flags trace.TraceFlags, state string) context.Context {
	t.Helper()
	parsed, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.ContextWithRemoteSpanContext(timeout(t), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags, TraceState: parsed,
	}))
}

const callersTrace = "00-01000000000000000000000000000000-0200000000000000-01"

func TestAMessageKeepsItsTraceThroughRetriesDeathAndRequeue(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.send(caller(t, trace.FlagsSampled, "vendor=a b"), queue.Enqueue{Value: []byte(`1`), Backoff: []int64{0}})
		const want = queue.Trace(callersTrace + " vendor=a b")
		first := n.one("")
		must(t, n.Nack(timeout(t), nil, first.ID, first.Receipt, queue.Failure{}))
		second := n.one("")
		must(t, n.Nack(timeout(t), nil, second.ID, second.Receipt, queue.Failure{}))
		letters, _, err := n.DeadLetters(timeout(t), queue.DeadLetterList{Limit: 1})
		if err != nil || len(letters) != 1 {
			t.Fatalf("got %d dead letters, %v; want 1", len(letters), err)
		}
		if _, err := n.Requeue(timeout(t), nil, letters[0].ID); err != nil {
			t.Fatal(err)
		}
		for i, m := range []queue.Message{first, second, n.one("")} {
			if m.Trace != want {
				t.Errorf("delivery %d has the trace %q, want %q", i, m.Trace, want)
			}
		}
		if got := first.Trace.Parent(); got != callersTrace {
			t.Errorf("its parent is %q, want %q", got, callersTrace)
		}
		if got := first.Trace.State(); got != "vendor=a b" {
			t.Errorf("its state is %q", got)
		}
	})
}

func TestAMessageThatNobodySampledHasNoTrace(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t)
	n.send(caller(t, 0, ""), queue.Enqueue{Value: []byte(`1`)})
	n.send(timeout(t), queue.Enqueue{Value: []byte(`2`)})
	for range 2 {
		if m := n.one(""); m.Trace != "" {
			t.Errorf("message %s has the trace %q, want none", m.Value, m.Trace)
		}
	}
}

func TestReceivingIsLinkedWithEachSenderAndSettlingIsTheConsumers(t *testing.T) {
	t.Parallel()
	recorder := spanstest.New()
	n := embedded(t).node(t, func(c *queue.Config) { c.TracerProvider = recorder })
	request, span := recorder.Begin(timeout(t), "producer")
	n.send(request, queue.Enqueue{Value: []byte(`1`), Queue: "mails"})
	n.send(request, queue.Enqueue{Value: []byte(`2`), Queue: "mails"}, queue.Enqueue{Value: []byte(`3`), Queue: "mails"})
	n.send(request, queue.Enqueue{Value: []byte(`4`), Queue: "mails"}, queue.Enqueue{Value: []byte(`5`), Queue: "other"})
	span.End()

	consumer, span := recorder.Begin(timeout(t), "consumer")
	got, err := n.Dequeue(consumer, queue.Dequeue{Queue: "mails", Max: 10, Wait: queue.MaxWait})
	must(t, err)
	if len(got) != 4 {
		t.Fatalf("got %d messages, want 4", len(got))
	}
	_, err = n.Extend(consumer, nil, got[0].ID, got[0].Receipt, 1000)
	must(t, err)
	must(t, n.Nack(consumer, nil, got[0].ID, got[0].Receipt, queue.Failure{}))
	must(t, n.Ack(consumer, nil, got[1].ID, got[1].Receipt))
	span.End()

	received := recorder.Await(t, "receive mails", nil)
	for _, name := range []string{"send mails", "send"} {
		for _, sent := range recorder.Named(name) {
			if !spanstest.Links(received, sent) {
				t.Errorf("receiving is not linked with %s", sent.Name())
			}
		}
	}
	if links := len(received.Links()); links != len(got) {
		t.Errorf("receiving has %d links, want one for each message, %d", links, len(got))
	}
	wantAttributes(t, received, map[string]string{
		"messaging.system": "keyval", "messaging.operation.name": "receive", "messaging.operation.type": "receive",
		"messaging.destination.name": "mails", "messaging.batch.message_count": "4",
	})
	wantAttributes(t, recorder.Named("send mails")[0], map[string]string{
		"messaging.operation.type": "send", "messaging.destination.name": "mails", "messaging.message.id": got[0].ID,
	})
	wantAttributes(t, recorder.Await(t, "ack mails", nil), map[string]string{
		"messaging.operation.name": "ack", "messaging.operation.type": "settle", "messaging.message.id": got[1].ID,
	})
	const want = "consumer\n  receive mails\n  extend mails\n  nack mails\n  ack mails\n"
	if tree := recorder.Tree(received); tree != want {
		t.Errorf("the consumer's trace is\n%swant\n%s", tree, want)
	}
}

func wantAttributes(t *testing.T, s spanstest.Span, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got := spanstest.Attribute(s, key); got != value {
			t.Errorf("%s has %s %q, want %q", s.Name(), key, got, value)
		}
	}
}

func TestAWaitThatComesToNothingHasNoSpan(t *testing.T) {
	t.Parallel()
	recorder := spanstest.New()
	n := embedded(t).node(t, func(c *queue.Config) { c.TracerProvider = recorder })
	ctx, span := recorder.Begin(timeout(t), "consumer")
	if _, err := n.Dequeue(ctx, queue.Dequeue{}); err != nil {
		t.Fatal(err)
	}
	span.End()
	if tree := recorder.Tree(recorder.Named("consumer")[0]); tree != "consumer\n" {
		t.Errorf("got %swant the consumer alone", tree)
	}
}

func TestWhatIsNotTracedAllocatesNothingForIt(t *testing.T) {
	recorder := spanstest.New(sdktrace.WithSampler(sdktrace.NeverSample()))
	n := embedded(t).node(t, func(c *queue.Config) { c.TracerProvider = recorder })
	part, err := n.NewPart([]queue.Enqueue{{Value: []byte(`1`)}})
	must(t, err)
	ctx, _ := recorder.Begin(t.Context(), "not sampled")
	for name, ctx := range map[string]context.Context{"off": t.Context(), "not sampled": ctx} {
		if got := testing.AllocsPerRun(100, func() { part.Send(ctx) }); got != 0 {
			t.Errorf("%s: sending allocates %v times, want 0", name, got)
		}
	}
}
