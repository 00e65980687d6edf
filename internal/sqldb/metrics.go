package sqldb

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/spans"
)

// metrics are those of one DB.
type metrics struct {
	pending    prometheus.Gauge
	limit      prometheus.Gauge
	operations *prometheus.HistogramVec
	groupSize  prometheus.Histogram
	groupTime  prometheus.Histogram
	retries    prometheus.Counter
	lost       prometheus.Counter
	panics     prometheus.Counter
	roundTrips *prometheus.CounterVec
	coalesced  prometheus.Histogram
	position   *prometheus.GaugeVec
	lag        prometheus.Gauge
	circuit    prometheus.Gauge
	stale      prometheus.Counter
}

func newMetrics() *metrics {
	latency := prometheus.ExponentialBuckets(0.0005, 2, 16)
	return &metrics{
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyval_commit_pending_operations", Help: "Writing operations that wait for a transaction to take them along."}),
		limit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyval_commit_pending_operations_limit", Help: "Writing operations that may wait: --max-pending-writes. Beyond it they get 429."}),
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyval_commit_operation_seconds", Help: "Time from handing an operation over to its answer, by its name and outcome: ok, refused, timeout, overloaded, unavailable, unknown or fenced.", Buckets: latency},
			[]string{"operation", "outcome"}),
		groupSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyval_commit_group_operations", Help: "Operations that one transaction committed.", Buckets: prometheus.ExponentialBuckets(1, 2, 11)}),
		groupTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyval_commit_group_seconds", Help: "Time that one transaction took, what it reads included.", Buckets: latency}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_commit_retries_total", Help: "Transactions tried again because another node was faster."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_commit_lost_answers_total", Help: "Transactions whose outcome had to be asked for, because the connection broke."}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_operation_panics_total", Help: "Operations and reads that failed because they panicked: bugs, whose stacks are in the log."}),
		roundTrips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyval_sql_reads_total", Help: "Reading statements by database and outcome: ok, refused, timeout or unavailable."},
			[]string{"database", "outcome"}),
		coalesced: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyval_read_coalesced_keys", Help: "Keys that one statement read.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		position: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keyval_position_transactions", Help: "The newest transaction that this node has met, by database."},
			[]string{"database"}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyval_replica_lag_transactions", Help: "Transactions that the replica was behind this node's newest at its last read."}),
		circuit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keyval_replica_circuit_open", Help: "1 while the replica is left alone, because it failed or was behind; the primary serves."}),
		stale: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_replica_stale_reads_total", Help: "Reads that the replica answered too early and the primary again."}),
	}
}

// register shows the metrics of a database that is open.
func (m *metrics) register(r prometheus.Registerer, others ...prometheus.Collector) {
	if r != nil {
		r.MustRegister(others...)
		r.MustRegister(m.pending, m.limit, m.operations, m.groupSize, m.groupTime, m.retries, m.lost, m.panics, m.roundTrips, m.coalesced, m.position, m.lag, m.circuit, m.stale)
	}
}

// conditions show what keeps the database from being written, one gauge for each.
func (db *DB) conditions() []prometheus.Collector {
	of := func(condition string, holds func() bool) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyval_database_condition", Help: "1 while the primary is in a condition that keeps writes from it.",
			ConstLabels: prometheus.Labels{"condition": condition}},
			func() float64 { return boolean(holds()) })
	}
	is := func(c condition) func() bool { return func() bool { return db.health.condition() == c } }
	return []prometheus.Collector{of("unreachable", func() bool { return is(unreachable)() || db.writer.liveness.isSilent() }), of("full", is(full)), of("read_only", is(unwritable)), of("moved", is(moved)), of("corrupt", db.primary.damage.known)}
}

func (m *metrics) operation(name string, err error, took time.Duration, span spans.Span) {
	observe(m.operations.WithLabelValues(name, outcomeOf(err)), took, span)
}

// observe notes how long something took, with the trace that shows it, if there is one.
func observe(o prometheus.Observer, took time.Duration, span spans.Span) {
	if !span.On() {
		o.Observe(took.Seconds())
		return
	}
	// A histogram's observer is always one.
	o.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(),
		prometheus.Labels{"trace_id": span.Context().TraceID().String()})
}

// met notes how far a database is.
func (m *metrics) met(database string, p Position) {
	m.position.WithLabelValues(database).Set(float64(txnOf(p)))
}

func (m *metrics) group(ops int, took time.Duration, span spans.Span) {
	m.groupSize.Observe(float64(ops))
	observe(m.groupTime, took, span)
}

// outcomeRefused is the outcome of an operation that its caller is told of, such as a
// condition that did not hold.
const outcomeRefused = "refused"

// outcomeOf is a label: what an error means to an operator.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrOverloaded):
		return "overloaded"
	case errors.Is(err, ErrCommitUnknown):
		return "unknown"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case errors.Is(err, ErrFenced):
		return "fenced"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "timeout"
	default:
		return outcomeRefused
	}
}
