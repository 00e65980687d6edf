package otel_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/buntime/keyval/node/nodetest"
)

// A receiver is the Collector's, which keeps what it is sent.
type receiver struct {
	url     string
	traces  consumertest.TracesSink
	metrics consumertest.MetricsSink
}

func mustReceive(t *testing.T) *receiver {
	t.Helper()
	port, err := nodetest.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	r := &receiver{url: "http://" + port.Addr()}
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	settings := confmap.NewFromStringMap(map[string]any{
		"protocols": map[string]any{"http": map[string]any{"endpoint": port.Addr()}},
	})
	if err := settings.Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	nop := receivertest.NewNopSettings(factory.Type())
	traces, err := factory.CreateTraces(t.Context(), nop, cfg, &r.traces)
	if err != nil {
		t.Fatal(err)
	}
	// Both are one receiver, which Start starts once.
	metrics, err := factory.CreateMetrics(t.Context(), nop, cfg, &r.metrics)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []interface {
		Start(context.Context, component.Host) error
		Shutdown(context.Context) error
	}{traces, metrics} {
		if err := c.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Shutdown(context.WithoutCancel(t.Context())) })
	}
	return r
}
