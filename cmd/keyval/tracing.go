package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/buntime/keyval/node"
)

// flushTimeout bounds the export of the last spans at the end.
const flushTimeout = 5 * time.Second

// startTracing sets up the exporter that the standard OTEL_* variables describe.
// Without any of them that asks for traces there is no exporter, no goroutine
// and no span. The returned function sends what is left, and ends it.
func startTracing(ctx context.Context, env func(string) (string, bool), logger *slog.Logger) (trace.TracerProvider, func() error, error) {
	if !wantsTraces(env) {
		return noop.NewTracerProvider(), func() error { return nil }, nil
	}
	// The SDK reports failed exports to one handler of the process; this is the
	// process's own main.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("tracing failed", "error", err) }))
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, nil, &node.SettingError{Setting: "OTEL_TRACES_EXPORTER", Source: "environment", Problem: err.Error()}
	}
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "keyval"), attribute.String("service.version", version())),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, nil, &node.SettingError{Setting: "OTEL_RESOURCE_ATTRIBUTES", Source: "environment", Problem: "is not a list of key=value"}
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))
	stop := func() error {
		// ctx has ended by now.
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		return provider.Shutdown(flush)
	}
	return provider, stop, nil
}

func wantsTraces(env func(string) (string, bool)) bool {
	if disabled, _ := env("OTEL_SDK_DISABLED"); disabled == "true" {
		return false
	}
	if exporter, ok := env("OTEL_TRACES_EXPORTER"); ok {
		return exporter != "none"
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if _, ok := env(name); ok {
			return true
		}
	}
	return false
}

// observed runs a node's life with logs and traces, which it puts into cfg.
func (s logSettings) observed(ctx context.Context, cfg *node.Config, from *layers, p process, life func(context.Context) error) (err error) {
	logger := s.logger(p.stderr)
	for _, warning := range from.warnings() {
		logger.Warn(warning)
	}
	provider, stop, err := startTracing(ctx, from.env, logger)
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := stop(); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("send the last spans: %w", stopErr))
		}
	}()
	cfg.Logger = logger
	cfg.TracerProvider = provider
	cfg.Stdout = p.stdout
	return life(ctx)
}
