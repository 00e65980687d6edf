package queue

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxLabels bounds the queues that have metrics of their own, by order of
	// appearance; those of the others are together.
	maxLabels  = 100
	otherLabel = "(other)" // no queue can have this name
	// sampleAge is how old depths may be when they are scraped.
	sampleAge = time.Minute
	// scrapeTimeout bounds the counting for one scrape.
	scrapeTimeout = 5 * time.Second
)

// metrics are those of one Queue.
type metrics struct {
	queue *Queue

	enqueued, deliveries, redelivered, acked, nacked, deadLettered, expiries, purged *prometheus.CounterVec
	depth, oldest, waiting                                                           *prometheus.Desc

	mu     sync.Mutex // covers labels
	labels map[string]bool
}

func newMetrics(q *Queue) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "keyval_queue_" + name + "_total", Help: help}, []string{"queue"})
	}
	return &metrics{
		queue:        q,
		labels:       map[string]bool{},
		enqueued:     counter("enqueued", "Messages enqueued or requeued through this node."),
		deliveries:   counter("delivered", "Messages handed to a receiver by this node."),
		redelivered:  counter("redelivered", "Messages handed to a receiver by this node that had been delivered before."),
		acked:        counter("acked", "Messages acked through this node."),
		nacked:       counter("nacked", "Messages nacked through this node."),
		deadLettered: counter("dead_lettered", "Messages that became dead letters through this node."),
		expiries:     counter("lock_expiries", "Deliveries that were not acked before their lock ended, noticed by this node."),
		purged:       counter("purged", "Messages purged through this node."),
		depth: prometheus.NewDesc("keyval_queue_messages", "Messages by state, sampled at most once a minute.",
			[]string{"queue", "state"}, nil),
		oldest: prometheus.NewDesc("keyval_queue_oldest_ready_seconds", "Age of the oldest ready message, sampled at most once a minute.",
			[]string{"queue"}, nil),
		waiting: prometheus.NewDesc("keyval_queue_waiting_receivers", "Listeners and long polls that wait for messages on this node.",
			[]string{"queue"}, nil),
	}
}

func (m *metrics) register(r prometheus.Registerer) {
	if r == nil {
		return
	}
	r.MustRegister(m)
	for _, c := range m.counters() {
		r.MustRegister(c)
	}
}

// label is the queue's name, as long as there are not too many of them.
func (m *metrics) label(queue string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.labels[queue] {
		if len(m.labels) == maxLabels {
			return otherLabel
		}
		m.labels[queue] = true
		m.begin(queue)
	}
	return queue
}

// begin has a queue's counters start from 0: how much one has grown that begins with its
// first message cannot be told.
func (m *metrics) begin(queue string) {
	for _, c := range m.counters() {
		c.WithLabelValues(queue)
	}
}

func (m *metrics) counters() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.enqueued, m.deliveries, m.redelivered, m.acked, m.nacked, m.deadLettered, m.expiries, m.purged}
}

func (m *metrics) count(c *prometheus.CounterVec, queue string, n int) {
	c.WithLabelValues(m.label(queue)).Add(float64(n))
}

// delivered counts messages that are handed over.
func (m *metrics) delivered(messages []Message) {
	for _, msg := range messages {
		m.count(m.deliveries, msg.Queue, 1)
		if msg.Attempts > 1 {
			m.count(m.redelivered, msg.Queue, 1)
		}
		if receipt(msg.Receipt).afterTimeout() {
			m.count(m.expiries, msg.Queue, 1)
		}
	}
}

// expired counts a delivery whose lock has ended, found by reclaiming it.
func (m *metrics) expired(queue string, dead bool) {
	m.count(m.expiries, queue, 1)
	if dead {
		m.count(m.deadLettered, queue, 1)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- m.depth
	descs <- m.oldest
	descs <- m.waiting
}

// Collect implements prometheus.Collector. While the database does not answer,
// the depths are missing.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	m.collectWaiting(out)
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	stats, err := m.queue.Sampled(ctx)
	if err != nil {
		m.queue.log.Warn("the depths of the queues are not known", "error", err)
		return
	}
	labelled := map[string]Counts{}
	for queue, c := range stats.Queues {
		label := m.label(queue)
		sum := labelled[label]
		sum.add(c)
		labelled[label] = sum
	}
	for label, c := range labelled {
		for state, n := range map[string]int64{
			"ready": c.Pending - c.Delayed, "delayed": c.Delayed, "processing": c.Processing, "dead": c.Dead,
		} {
			out <- prometheus.MustNewConstMetric(m.depth, prometheus.GaugeValue, float64(n), label, state)
		}
		out <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, float64(c.OldestReady)/1000, label)
	}
}

// collectWaiting counts without the database. A queue that is known and has nobody has 0.
func (m *metrics) collectWaiting(out chan<- prometheus.Metric) {
	labelled := m.zeros()
	for queue, n := range m.queue.dispatcher.waiting() {
		labelled[m.label(queue)] += n
	}
	for label, n := range labelled {
		out <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, float64(n), label)
	}
}

// zeros has a zero for each label that there is.
func (m *metrics) zeros() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	zeros := make(map[string]int, len(m.labels))
	for label := range m.labels {
		zeros[label] = 0
	}
	return zeros
}

// Sampled are Stats that may be up to a minute old, for monitoring.
func (q *Queue) Sampled(ctx context.Context) (Stats, error) {
	return q.sampler.get(ctx, q.readStats, sampleAge)
}
