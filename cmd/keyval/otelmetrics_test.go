package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/node"
)

func TestMetricsAreSentOnlyWhenAsked(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want bool
	}{
		{"nothing set", nil, false},
		{"endpoint of everything", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, false},
		{"endpoint of metrics", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4318"}, true},
		{"exporter", map[string]string{"OTEL_METRICS_EXPORTER": "otlp"}, true},
		{"no exporter", map[string]string{"OTEL_METRICS_EXPORTER": "none"}, false},
		{"disabled", map[string]string{"OTEL_SDK_DISABLED": "TRUE", "OTEL_METRICS_EXPORTER": "otlp"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := wantsMetrics(lookup(test.env)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestTheNodesMetricsReachTheCollectorBeforeTheEnd(t *testing.T) {
	collector, received := startCollector(t)
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	cfg := node.Config{Logger: slog.New(slog.DiscardHandler)}
	err := measured(t.Context(), newLayers(os.LookupEnv).env, &cfg, func(_ context.Context, cfg node.Config) error {
		counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "keyval_test_total", Help: "A test."})
		counter.Inc()
		return cfg.Registerer.Register(counter)
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-received:
		for _, want := range []string{"/v1/metrics ", "keyval_test_total", "service.version"} {
			if !bytes.Contains(got, []byte(want)) {
				t.Errorf("the collector got %q, want %q in it", got, want)
			}
		}
	default:
		t.Error("the collector got nothing")
	}
}

func TestAnUnknownExporterOfMetricsIsABadSetting(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "carrier-pigeon")
	_, err := startMetrics(t.Context(), newLayers(os.LookupEnv).env, &node.Config{Logger: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, node.ErrBadSetting) {
		t.Errorf("got %v, want a bad setting", err)
	}
}
