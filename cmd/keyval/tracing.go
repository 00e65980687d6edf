package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/node"
)

// flushTimeout bounds the export of the last spans at the end.
const flushTimeout = 5 * time.Second

// startTracing sets up the exporter that the standard OTEL_* variables describe.
// Without any of them that asks for traces there is no exporter, no goroutine
// and no span. The returned function sends what is left, and ends it.
func startTracing(ctx context.Context, env func(string) (string, bool), logger *slog.Logger) (trace.TracerProvider, func() error, error) {
	if !wantsTraces(env) {
		return nil, func() error { return nil }, nil
	}
	tellFailures(logger)
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, nil, &node.SettingError{Setting: "OTEL_TRACES_EXPORTER", Source: "environment", Problem: err.Error()}
	}
	described, err := describe(ctx)
	if err != nil {
		return nil, nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))
	return provider, func() error { return flushed(ctx, provider.Shutdown) }, nil
}

// tellFailures has the log say what the SDK reports to one handler of the process; this
// is the process's own main.
func tellFailures(logger *slog.Logger) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("the export of traces or metrics failed", "error", err) }))
}

// describe is what traces and metrics say of this process.
func describe(ctx context.Context) (*resource.Resource, error) {
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "keyval"), attribute.String("service.version", version())),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, &node.SettingError{Setting: "OTEL_RESOURCE_ATTRIBUTES", Source: "environment", Problem: "is not a list of key=value"}
	}
	return described, nil
}

// tellUnsent says that what was left could not be sent. The node has done its work all the
// same: a collector that is away is no reason to end with an error.
func tellUnsent(logger *slog.Logger, what string, err error) {
	if err != nil {
		logger.Warn("the last "+what+" could not be sent", "error", err)
	}
}

// flushed shuts an exporter down, which sends what is left. ctx has ended by now.
func flushed(ctx context.Context, shutdown func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return shutdown(ctx)
}

func wantsTraces(env func(string) (string, bool)) bool {
	return wantsSignal(env, "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
}

// wantsSignal tells whether an exporter is asked for: by its own variable, or by one that
// says where it sends to.
func wantsSignal(env func(string) (string, bool), exporter string, endpoints ...string) bool {
	if disabled, _ := env("OTEL_SDK_DISABLED"); strings.EqualFold(disabled, "true") {
		return false
	}
	if name, ok := env(exporter); ok {
		return name != "none"
	}
	return slices.ContainsFunc(endpoints, func(name string) bool {
		_, ok := env(name)
		return ok
	})
}

// propagators are the values of OTEL_PROPAGATORS that this program knows.
var propagators = map[string]propagation.TextMapPropagator{
	"tracecontext": propagation.TraceContext{},
	"baggage":      propagation.Baggage{},
}

// propagator is what OTEL_PROPAGATORS names: W3C's unless it says otherwise.
func propagator(env func(string) (string, bool)) (propagation.TextMapPropagator, error) {
	names, ok := env("OTEL_PROPAGATORS")
	if !ok {
		names = "tracecontext,baggage"
	}
	var all []propagation.TextMapPropagator
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if name == "none" {
			return propagation.NewCompositeTextMapPropagator(), nil
		}
		known, ok := propagators[name]
		if !ok {
			return nil, &node.SettingError{Setting: "OTEL_PROPAGATORS", Source: "environment",
				Problem: fmt.Sprintf("%q is not known; use tracecontext, baggage or none", name)}
		}
		all = append(all, known)
	}
	return propagation.NewCompositeTextMapPropagator(all...), nil
}

// observed runs a node's life with logs and traces, which it puts into cfg.
func (s logSettings) observed(ctx context.Context, cfg *node.Config, from *layers, p process, life func(context.Context) error) (err error) {
	logger := s.logger(p.stderr)
	for _, warning := range from.warnings() {
		logger.Warn(warning)
	}
	if cfg.Propagator, err = propagator(from.env); err != nil {
		return err
	}
	provider, stop, err := startTracing(ctx, from.env, logger)
	if err != nil {
		return err
	}
	defer func() { tellUnsent(logger, "spans", stop()) }()
	cfg.Logger = logger
	cfg.TracerProvider = provider
	cfg.Stdout = p.stdout
	return life(ctx)
}
