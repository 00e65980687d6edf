package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/buntime/keyval/node"
)

// wantsMetrics tells whether metrics are to be sent. An endpoint for everything is not
// enough: Prometheus reads them already, and whoever wants them twice says so.
func wantsMetrics(env func(string) (string, bool)) bool {
	return wantsSignal(env, "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
}

// startMetrics sends what /metrics/prometheus shows to where the standard OTEL_* variables
// say, from a registry that it gives to the node. The returned function sends the last
// state, and ends it.
func startMetrics(ctx context.Context, env func(string) (string, bool), cfg *node.Config) (func() error, error) {
	if !wantsMetrics(env) {
		return func() error { return nil }, nil
	}
	tellFailures(cfg.Logger)
	registry := prometheus.NewRegistry()
	autoexport.WithFallbackMetricProducer(func(context.Context) (metric.Producer, error) {
		return bridge.NewMetricProducer(bridge.WithGatherer(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return withBytes(registry) }))), nil
	})
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, &node.SettingError{Setting: "OTEL_METRICS_EXPORTER", Source: "environment", Problem: err.Error()}
	}
	described, err := describe(ctx)
	if err != nil {
		return nil, err
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(described))
	cfg.Registerer, cfg.Gatherer = registry, registry
	return func() error { return flushed(ctx, provider.Shutdown) }, nil
}

// measured runs a node's life and sends its metrics.
func measured(ctx context.Context, env func(string) (string, bool), cfg *node.Config, life func(context.Context, node.Config) error) error {
	stop, err := startMetrics(ctx, env, cfg)
	if err != nil {
		return err
	}
	defer func() { tellUnsent(cfg.Logger, "metrics", stop()) }()
	return life(ctx, *cfg)
}
