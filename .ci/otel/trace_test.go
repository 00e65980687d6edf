// Package otel sends a node's telemetry to the OpenTelemetry Collector's own receiver, and
// holds what arrives against what docs/operations.md draws.
package otel_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

var update = flag.Bool("update", false, "write the committed trace and the drawing anew")

const (
	committed = "testdata/traces.txt"
	manual    = root + "/docs/operations.md"
	// The drawing stands between these lines.
	drawingBegins = "<!-- go test -C .ci/otel -update draws this -->\n```text\n"
	drawingEnds   = "```\n"
)

// mustProvide is the tracing of a program that uses keyval.
func mustProvide(t *testing.T, to *receiver) *sdktrace.TracerProvider {
	t.Helper()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(to.url+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "app"))))
}

// A program is what uses the node. Its spans are called by what it does.
type program struct {
	t        *testing.T
	provider *sdktrace.TracerProvider
	client   *client.Client
}

// does runs something under a span of its own.
func (p *program) does(name string, what func(context.Context) error) {
	p.t.Helper()
	ctx, span := p.provider.Tracer("app").Start(p.t.Context(), name)
	defer span.End()
	if err := what(ctx); err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
}

func (p *program) put(ctx context.Context) error {
	_, err := p.client.Put(ctx, api.Key{"users", "alice"}, "secret-value")
	return err
}

func (p *program) produce(ctx context.Context) error {
	_, err := p.client.Enqueue(ctx, "orders", "secret-value")
	return err
}

// consume handles one message.
func (p *program) consume() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	err := p.client.Consume(ctx, "orders", func(context.Context, api.Message) error {
		cancel() // it is acked all the same
		return nil
	})
	if err != nil {
		p.t.Fatalf("consume: %v", err)
	}
}

// watch sees one change, which is made once the watch is there.
func (p *program) watch(ctx context.Context) error {
	there := false
	for _, err := range p.client.Watch(ctx, api.Key{"users", "alice"}) {
		if err != nil || there {
			return err
		}
		there = true
		p.does("put", p.put)
	}
	return nil
}

func TestTheTracesThatAReceiverGetsAreThoseThatTheManualDraws(t *testing.T) {
	to := mustReceive(t)
	n := mustStart(t, to, "OTEL_METRICS_EXPORTER=otlp")
	provider := mustProvide(t, to)
	c, err := client.New(n.url, client.WithTracerProvider(provider))
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t, provider, c}
	p.does("watch", p.watch)
	p.does("produce", p.produce)
	p.consume()
	c.CloseIdleConnections()
	n.stop()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if to.metrics.DataPointCount() == 0 {
		t.Error("no metrics have arrived")
	}
	all := to.spans()
	shown := append(append(roots(all, "put"), roots(all, "produce")...), roots(all, "keyval dequeue")...)
	shown = append(shown, roots(all, "watch")...)
	if len(shown) != 4 {
		t.Fatalf("got %d spans, of which %d begin a trace that is drawn, want 4", len(all), len(shown))
	}
	full := draw(all, true, shown...)
	if strings.Contains(full, "secret-value") {
		t.Error("a value is in the traces")
	}
	wantFile(t, committed, full)
	wantDrawing(t, draw(all, false, shown...))
}

func wantFile(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\n%s has\n%s", got, name, want)
	}
}

func wantDrawing(t *testing.T, got string) {
	t.Helper()
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), drawingBegins)
	drawn, after, ends := strings.Cut(rest, drawingEnds)
	if !found || !ends {
		t.Fatalf("%s has no drawing", manual)
	}
	if *update {
		drawn = got
		if err := os.WriteFile(manual, []byte(before+drawingBegins+drawn+drawingEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got != drawn {
		t.Errorf("got\n%s\n%s draws\n%s", got, manual, drawn)
	}
}
