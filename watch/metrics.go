package watch

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/kv"
)

type metrics struct {
	events    prometheus.Counter
	lag       prometheus.Histogram
	resumes   prometheus.Counter
	resets    prometheus.Counter
	fallbacks prometheus.Counter
	queries   *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, h *Hub) *metrics {
	m := &metrics{
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_watch_events_total", Help: "Events given to streams."}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyval_watch_lag_seconds", Help: "Time from a commit of this node to the write of its event to a stream.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)}),
		resumes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_watch_resumes_total", Help: "Streams and polls that went on from a position."}),
		resets: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_watch_resets_total", Help: "Streams and polls whose position was lost."}),
		fallbacks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keyval_watch_fallbacks_total", Help: "Buffers of slow readers that were dropped; the change log serves them."}),
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyval_watch_log_reads_total", Help: "Reads of the change log by database."}, []string{"database"}),
	}
	if r != nil {
		r.MustRegister(m.events, m.lag, m.resumes, m.resets, m.fallbacks, m.queries,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "keyval_watch_streams", Help: "Open streams and waiting polls."},
				func() float64 { return float64(h.Streams()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "keyval_watch_buffered_bytes", Help: "Bytes of events that wait for readers, each event once."},
				func() float64 { return float64(h.held.bytes.Load()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "keyval_watch_behind_transactions", Help: "Transactions that this node knows of and has not read in the change log yet; 0 while nobody watches."},
				func() float64 { return float64(h.behind()) }))
		for _, primary := range []bool{true, false} {
			m.queries.WithLabelValues(databaseName(primary))
		}
	}
	return m
}

func (m *metrics) query(primary bool) { m.queries.WithLabelValues(databaseName(primary)).Inc() }

// databaseName is a label's value.
func databaseName(primary bool) string {
	if primary {
		return "primary"
	}
	return "replica"
}

// wrote notes that an event is on its way to the client.
func (m *metrics) wrote(e *Event) {
	m.events.Inc()
	if !e.committed.IsZero() {
		m.lag.Observe(time.Since(e.committed).Seconds())
	}
}

// commitTimes remembers when this node's last transactions committed.
type commitTimes struct {
	mu   sync.Mutex
	next int
	ring [64]struct {
		transaction kv.Versionstamp // without the operation
		time        time.Time
	}
}

func transactionOf(v kv.Versionstamp) kv.Versionstamp { return v[:len(v)-4] }

func (c *commitTimes) note(v kv.Versionstamp, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring[c.next].transaction, c.ring[c.next].time = transactionOf(v), now
	c.next = (c.next + 1) % len(c.ring)
}

// of is when the transaction of v committed, zero if that is not known.
func (c *commitTimes) of(v kv.Versionstamp) time.Time {
	transaction := transactionOf(v)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.ring {
		if c.ring[i].transaction == transaction {
			return c.ring[i].time
		}
	}
	return time.Time{}
}
