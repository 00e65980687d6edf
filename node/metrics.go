package node

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/buntime/keyval/internal/sqldb"
)

const (
	// sizeAge is how old the database's size may be when it is scraped.
	sizeAge = time.Minute
	// sizeTimeout bounds the asking for one scrape.
	sizeTimeout = 5 * time.Second
	// leaderJob is the label that names one; "job" is Prometheus' own.
	leaderJob = "leader_job"
)

// nodeMetrics are those that belong to no part of a node but to the whole.
type nodeMetrics struct {
	runs    *prometheus.CounterVec // by leader_job and outcome
	seconds *prometheus.CounterVec // by leader_job
	success *prometheus.GaugeVec   // by leader_job
}

func newNodeMetrics() *nodeMetrics {
	return &nodeMetrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyval_leader_job_runs_total", Help: "Runs of the leader's jobs on this node by outcome: ok, failed, or ended because leadership did."},
			[]string{leaderJob, "outcome"}),
		seconds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyval_leader_job_seconds_total", Help: "Time that the leader's jobs have taken on this node."},
			[]string{leaderJob}),
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keyval_leader_job_last_success_timestamp_seconds", Help: "When this node last did a leader's job without an error; 0 for never since it started."},
			[]string{leaderJob}),
	}
}

// registerMetrics shows what belongs to no part of the node: the program, its process, the
// database's size, the leader's jobs.
func (n *Node) registerMetrics(context.Context) error {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "keyval_build_info", Help: "Always 1; the labels say which version of keyval runs and what it was built with.",
		ConstLabels: prometheus.Labels{"version": n.cfg.Version, "goversion": runtime.Version()}})
	build.Set(1)
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		// Prometheus' own registry has them already.
		err := n.cfg.Registerer.Register(c)
		if _, there := errors.AsType[prometheus.AlreadyRegisteredError](err); err != nil && !there {
			return err
		}
	}
	n.metrics.known(n.jobs())
	for _, c := range []prometheus.Collector{build, newDatabaseSize(n.db), newIndexGauges(n), n.metrics.runs, n.metrics.seconds, n.metrics.success} {
		if err := n.cfg.Registerer.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// ran notes a run of a leader's job.
func (m *nodeMetrics) ran(j job, err error, took time.Duration, over bool) {
	outcome := "ok"
	switch {
	case err == nil:
		m.success.WithLabelValues(j.name).SetToCurrentTime()
	case over, errors.Is(err, sqldb.ErrFenced):
		outcome = "ended"
	default:
		outcome = "failed"
	}
	m.runs.WithLabelValues(j.name, outcome).Inc()
	m.seconds.WithLabelValues(j.name).Add(took.Seconds())
}

// known makes the rows of jobs that have not run yet: what is missing cannot be told from
// what never happened.
func (m *nodeMetrics) known(jobs []job) {
	for _, j := range jobs {
		m.success.WithLabelValues(j.name)
		m.seconds.WithLabelValues(j.name)
		for _, outcome := range []string{"ok", "failed", "ended"} {
			m.runs.WithLabelValues(j.name, outcome)
		}
	}
}

// databaseSize asks the database when it is scraped, at most once a minute.
type databaseSize struct {
	size func(context.Context) (any, error)
	desc *prometheus.Desc
}

func newDatabaseSize(db *sqldb.DB) *databaseSize {
	return &databaseSize{
		size: sampled(sizeAge, func(ctx context.Context) (any, error) { return db.Size(ctx) }),
		desc: prometheus.NewDesc("keyval_database_size_bytes", "Size of the database's file without its write-ahead log, sampled at most once a minute; missing while the database does not answer.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (d *databaseSize) Describe(descs chan<- *prometheus.Desc) { descs <- d.desc }

// Collect implements prometheus.Collector.
func (d *databaseSize) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), sizeTimeout)
	defer cancel()
	if size, err := d.size(ctx); err == nil {
		out <- prometheus.MustNewConstMetric(d.desc, prometheus.GaugeValue, float64(size.(int64)))
	}
}
