package search

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search/query"
)

// metrics are those of searches. How long building takes is among the operations' metrics.
type metrics struct {
	seconds *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "keyval_search_seconds", Help: "Time that a full-text search took, by outcome: ok, no_index, building, refused, timeout or failed.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)}, []string{"outcome"})}
	for _, outcome := range []string{"ok", "no_index", "building", "refused", "timeout", "failed"} {
		m.seconds.WithLabelValues(outcome) // what is missing cannot be told from what never happened
	}
	return m
}

// Describe implements prometheus.Collector.
func (x *Indexes) Describe(ch chan<- *prometheus.Desc) { x.metrics.seconds.Describe(ch) }

// Collect implements prometheus.Collector.
func (x *Indexes) Collect(ch chan<- prometheus.Metric) { x.metrics.seconds.Collect(ch) }

func (m *metrics) searched(begun time.Time, err error) {
	m.seconds.WithLabelValues(outcomeOf(err)).Observe(time.Since(begun).Seconds())
}

// outcomeOf is a label: what an error means to an operator.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNoIndex):
		return "no_index"
	case errors.Is(err, ErrBuilding):
		return "building"
	case errors.Is(err, kv.ErrInvalidArgument), errors.Is(err, kv.ErrTooLarge), errors.Is(err, query.ErrSyntax):
		return "refused"
	case errors.Is(err, kv.ErrTimeout), errors.Is(err, context.Canceled):
		return "timeout"
	}
	return "failed"
}
