package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"github.com/buntime/keyval/node"
)

func TestTracesAreMadeOnlyWhenAsked(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want bool
	}{
		{"nothing set", nil, false},
		{"endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true},
		{"endpoint of traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318"}, true},
		{"exporter", map[string]string{"OTEL_TRACES_EXPORTER": "console"}, true},
		{"no exporter", map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, false},
		{"disabled", map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, false},
		{"empty", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := wantsTraces(lookup(test.env)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// startCollector takes what is sent by OTLP over HTTP, and delivers the path and the body.
func startCollector(t *testing.T) (*httptest.Server, <-chan []byte) {
	t.Helper()
	received := make(chan []byte, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- append([]byte(r.URL.Path+" "), body...)
	}))
	t.Cleanup(collector.Close)
	return collector, received
}

func TestSpansReachTheCollectorBeforeTheEnd(t *testing.T) {
	collector, received := startCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_SERVICE_NAME", "")

	provider, stop, err := startTracing(t.Context(), newLayers(os.LookupEnv).env, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "put a key")
	span.End()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-received:
		for _, want := range []string{"/v1/traces ", "put a key", "keyval"} {
			if !bytes.Contains(got, []byte(want)) {
				t.Errorf("the collector got %q, want %q in it", got, want)
			}
		}
	default:
		t.Error("the collector got nothing")
	}
}

func TestAnUnknownExporterIsABadSetting(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
	_, _, err := startTracing(t.Context(), newLayers(os.LookupEnv).env, slog.New(slog.DiscardHandler))
	if !errors.Is(err, node.ErrBadSetting) {
		t.Errorf("got %v, want a bad setting", err)
	}
}

func TestTheStandardVariablesSetTheSampling(t *testing.T) {
	const always = 200
	tests := []struct {
		sampler, arg string
		least, most  int
	}{
		{"", "", always, always},
		{"always_off", "", 0, 0},
		{"parentbased_traceidratio", "0", 0, 0},
		{"parentbased_traceidratio", "1", always, always},
		{"traceidratio", "0.5", 1, always - 1},
	}
	for _, test := range tests {
		t.Run(test.sampler+test.arg, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_EXPORTER", "console")
			t.Setenv("OTEL_TRACES_SAMPLER", test.sampler)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", test.arg)
			provider, stop, err := startTracing(t.Context(), newLayers(os.LookupEnv).env, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stop() })
			sampled := 0
			for range always {
				if _, span := provider.Tracer("test").Start(t.Context(), "request"); span.SpanContext().IsSampled() {
					sampled++ // it does not end, and so is not printed
				}
			}
			if sampled < test.least || sampled > test.most {
				t.Errorf("%d of %d were sampled, want %d to %d", sampled, always, test.least, test.most)
			}
		})
	}
}

func TestThePropagatorsAreThoseOfTheStandardVariable(t *testing.T) {
	tests := map[string][]string{
		"":                      {"baggage", "traceparent", "tracestate"},
		"tracecontext":          {"traceparent", "tracestate"},
		"baggage, tracecontext": {"baggage", "traceparent", "tracestate"},
		"none":                  nil,
	}
	for value, want := range tests {
		env := map[string]string{}
		if value != "" {
			env["OTEL_PROPAGATORS"] = value
		}
		p, err := propagator(lookup(env))
		if err != nil {
			t.Fatal(err)
		}
		got := p.Fields()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
	if _, err := propagator(lookup(map[string]string{"OTEL_PROPAGATORS": "pigeon"})); !errors.Is(err, node.ErrBadSetting) {
		t.Errorf("got %v, want a bad setting", err)
	}
}
