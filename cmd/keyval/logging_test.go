package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

func TestALogThatIsNoTerminalIsJSON(t *testing.T) {
	var stderr bytes.Buffer
	logSettings{LogLevel: "info", LogFormat: "auto"}.logger(&stderr).Info("hello", "n", 1)
	var record map[string]any
	if err := json.Unmarshal(stderr.Bytes(), &record); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if record["msg"] != "hello" || record["n"] != 1.0 {
		t.Errorf("got %v", record)
	}
}

func TestALogIsTextWhenToldSo(t *testing.T) {
	var stderr bytes.Buffer
	logSettings{LogLevel: "info", LogFormat: "text"}.logger(&stderr).Info("hello", "n", 1)
	if got := stderr.String(); !strings.Contains(got, "msg=hello n=1") {
		t.Errorf("got %s", got)
	}
}

func TestTheLogLevelIsTheLeastThatIsLogged(t *testing.T) {
	tests := map[string]string{"debug": "diwe", "info": "iwe", "warn": "we", "error": "e"}
	for level, want := range tests {
		var stderr bytes.Buffer
		logger := logSettings{LogLevel: level, LogFormat: "text"}.logger(&stderr)
		logger.Debug("d")
		logger.Info("i")
		logger.Warn("w")
		logger.Error("e")
		var got string
		for line := range strings.Lines(stderr.String()) {
			got += line[strings.Index(line, "msg=")+len("msg="):][:1]
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", level, got, want)
		}
	}
}

func TestARecordWithinASpanCarriesItsIDs(t *testing.T) {
	var stderr bytes.Buffer
	logger := logSettings{LogLevel: "info", LogFormat: "text"}.logger(&stderr).With("component", "test")
	logger.InfoContext(t.Context(), "outside")
	if got := stderr.String(); strings.Contains(got, "trace_id") {
		t.Errorf("outside a span: got %s", got)
	}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 2},
	}))
	logger.InfoContext(ctx, "inside")
	want := "msg=inside component=test trace_id=00000000000000000000000000000001 span_id=0000000000000002"
	if got := stderr.String(); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
