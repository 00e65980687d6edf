package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestExemplarsAreSentWithTheBytesOfTheirTraceAndShownWithItsText(t *testing.T) {
	const trace = "0102030405060708090a0b0c0d0e0f10"
	registry := prometheus.NewRegistry()
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds", Help: "A test.", Buckets: []float64{1}})
	registry.MustRegister(latency)
	latency.(prometheus.ExemplarObserver).ObserveWithExemplar(0.5, prometheus.Labels{"trace_id": trace})
	sent, err := withBytes(registry)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if got := sent[0].Metric[0].Histogram.Bucket[0].Exemplar.Label[0].GetValue(); len(got) != 16 || got[0] != 1 {
		t.Errorf("sent: got %q, want 16 bytes", got)
	}
	if got := shown[0].Metric[0].Histogram.Bucket[0].Exemplar.Label[0].GetValue(); got != trace {
		t.Errorf("shown: got %q, want %s", got, trace)
	}
}
