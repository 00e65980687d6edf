package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/spans/spanstest"
)

// traceOf is the trace that a request says it belongs to, and the span.
func traceOf(r *http.Request) (traceID, spanID string) {
	parts := strings.Split(r.Header.Get("traceparent"), "-")
	if len(parts) != 4 {
		return "", ""
	}
	return parts[1], parts[2]
}

func TestARequestCarriesTheTraceOfItsContext(t *testing.T) {
	c, n := startClient(t)
	ctx, span := spanstest.New().Begin(testContext(t), "caller")
	must(c.Put(ctx, api.Key{"a"}, 1))(t)
	must(c.Put(testContext(t), api.Key{"a"}, 2))(t)
	seen := n.seen()
	if traceID, spanID := traceOf(seen[0]); traceID != span.SpanContext().TraceID().String() || spanID != span.SpanContext().SpanID().String() {
		t.Errorf("the request belongs to %s, want the caller's trace", seen[0].Header.Get("traceparent"))
	}
	if got := seen[1].Header.Get("traceparent"); got != "" {
		t.Errorf("a request without a trace has traceparent %q", got)
	}
}

func TestAnOperationHasASpanWhichItsRequestsAreBelow(t *testing.T) {
	recorder := spanstest.New()
	c, n := startClient(t, client.WithTracerProvider(recorder))
	ctx, span := recorder.Begin(testContext(t), "caller")
	must(c.Put(ctx, api.Key{"a"}, 1))(t)
	span.End()
	operation := recorder.Await(t, "keyval put", nil)
	if operation.SpanKind() != trace.SpanKindClient {
		t.Errorf("its kind is %v, want client", operation.SpanKind())
	}
	if _, spanID := traceOf(n.seen()[0]); spanID != operation.SpanContext().SpanID().String() {
		t.Errorf("the request is below %s, want the operation's span", spanID)
	}
	if tree := recorder.Tree(operation); tree != "caller\n  keyval put\n" {
		t.Errorf("got the trace\n%s", tree)
	}
}

func TestAHandlerContinuesTheTraceOfItsMessageAndSoDoesTheAck(t *testing.T) {
	for name, traced := range map[string]bool{"with spans of its own": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			recorder := spanstest.New()
			var opts []client.Option
			if traced {
				opts = append(opts, client.WithTracerProvider(recorder))
			}
			c, n := startClient(t, opts...)
			ctx, producer := recorder.Begin(testContext(t), "producer")
			must(c.Enqueue(ctx, "q", 1))(t)
			producer.End()
			handled := make(chan trace.SpanContext, 1)
			stop := consume(t, c, func(ctx context.Context, _ api.Message) error {
				handled <- trace.SpanContextFromContext(ctx)
				return nil
			})
			in := <-handled
			await.That(t, "the queue is empty", func() bool { return left(t, c).Total == 0 })
			if err := stop(); err != nil {
				t.Error(err)
			}
			want := producer.SpanContext().TraceID()
			if in.TraceID() != want {
				t.Errorf("the handler is in the trace %s, want %s", in.TraceID(), want)
			}
			for _, r := range n.seen() {
				if traceID, _ := traceOf(r); strings.HasPrefix(r.URL.Path, "/queue/ack/") && traceID != want.String() {
					t.Errorf("the ack is in the trace %q, want %s", traceID, want)
				}
			}
			if !traced {
				return
			}
			processed := recorder.Await(t, "process q", nil)
			if processed.SpanKind() != trace.SpanKindConsumer {
				t.Errorf("its kind is %v, want consumer", processed.SpanKind())
			}
			const tree = "producer\n  keyval enqueue\n    process q\n      keyval ack\n"
			if got := recorder.Tree(processed); got != tree {
				t.Errorf("got the trace\n%swant\n%s", got, tree)
			}
			received := recorder.Await(t, "keyval dequeue", func(s spanstest.Span) bool { return len(s.Links()) > 0 })
			if !spanstest.Links(received, recorder.Named("keyval enqueue")[0]) {
				t.Error("the dequeue is not linked with the enqueue")
			}
		})
	}
}

func TestASpanOfAFailureHasItsCodeAndNotItsWords(t *testing.T) {
	recorder := spanstest.New()
	c, _ := startClient(t, client.WithTracerProvider(recorder))
	if err := c.Ack(testContext(t), api.Message{ID: "none", Receipt: "none"}); !errors.Is(err, api.LockLost) {
		t.Fatalf("got %v, want a lost lock", err)
	}
	failed := recorder.Await(t, "keyval ack", nil)
	if got := spanstest.Attribute(failed, "error.type"); got != string(api.LockLost) {
		t.Errorf("its type is %q, want %q", got, api.LockLost)
	}
	if got := failed.Status().Description; got != "" {
		t.Errorf("it has the words %q, want none", got)
	}
}
