package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"
	"go.opentelemetry.io/otel/trace"
)

// logger writes records to stderr, as text for people at a terminal and as JSON
// for machines.
func (s logSettings) logger(stderr io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // the flag's enumeration allows nothing else
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	if s.LogFormat == "text" || s.LogFormat == "auto" && isTerminal(stderr) {
		handler = slog.NewTextHandler(stderr, options)
	} else {
		handler = slog.NewJSONHandler(stderr, options)
	}
	return slog.New(spanHandler{handler})
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// spanHandler adds the ids of the context's span, so that a log line leads to
// its trace.
type spanHandler struct{ slog.Handler }

func (h spanHandler) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record = record.Clone()
		record.AddAttrs(
			slog.String("trace_id", span.TraceID().String()),
			slog.String("span_id", span.SpanID().String()),
		)
	}
	return h.Handler.Handle(ctx, record)
}

func (h spanHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return spanHandler{h.Handler.WithAttrs(attrs)}
}

func (h spanHandler) WithGroup(name string) slog.Handler {
	return spanHandler{h.Handler.WithGroup(name)}
}
