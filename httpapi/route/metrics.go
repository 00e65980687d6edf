package route

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/buntime/keyval/httpapi/api"
)

// latencyBuckets are in seconds: from a point read out of memory to the default
// operation timeout.
var latencyBuckets = []float64{
	.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30,
}

// metrics counts requests. There is one histogram, from which the JSON of GET
// /metrics is derived too, so the two forms never disagree.
type metrics struct {
	duration *prometheus.HistogramVec
	// ops is the operation of each route, by method and template.
	ops map[[2]string]string
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "keyval_http_request_duration_seconds",
			Help:    "Time from a request's header to its answer, by route and outcome: ok, an error code, or canceled. For streams, how long they were open; a watch over HTTP/1 goes on without its request, and counts until it has begun.",
			Buckets: latencyBuckets,
		}, []string{"method", "route", "outcome"}),
		ops: make(map[[2]string]string),
	}
	return m, reg.Register(m.duration)
}

// A meter observes one route. It keeps what it has looked up, because labels cost
// more than all else in it.
type meter struct {
	duration prometheus.ObserverVec
	ok       prometheus.Observer
	others   sync.Map // api.Code → prometheus.Observer
}

func (m *metrics) meter(r *Route) *meter {
	m.ops[[2]string{r.Method, r.Name()}] = r.Op
	duration := m.duration.MustCurryWith(prometheus.Labels{"method": r.Method, "route": r.Name()})
	return &meter{duration: duration, ok: duration.WithLabelValues(string(outcomeOK))}
}

// observe notes a request; traceID is that of its trace, if it is sampled.
func (m *meter) observe(outcome api.Code, d time.Duration, traceID string) {
	observer := m.ok
	if outcome != outcomeOK {
		observer = m.observer(outcome)
	}
	if traceID == "" {
		observer.Observe(d.Seconds())
		return
	}
	// A histogram's observer is always one.
	observer.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": traceID})
}

func (m *meter) observer(outcome api.Code) prometheus.Observer {
	if known, ok := m.others.Load(outcome); ok {
		return known.(prometheus.Observer)
	}
	observer := m.duration.WithLabelValues(string(outcome))
	m.others.Store(outcome, observer)
	return observer
}

// Operations sums up the histogram by operation. Answers that tell what the caller
// asked for (no such key, a condition that did not hold) are no errors.
func (f *Frame) Operations() (map[string]api.OperationMetrics, error) { return f.metrics.operations() }

func (m *metrics) operations() (map[string]api.OperationMetrics, error) {
	collected := make(chan prometheus.Metric)
	go func() {
		defer close(collected)
		m.duration.Collect(collected)
	}()
	totals := make(map[string]*operationTotal)
	var failed error
	for metric := range collected {
		var row dto.Metric
		failed = errors.Join(failed, metric.Write(&row))
		m.add(totals, &row)
	}
	out := make(map[string]api.OperationMetrics, len(totals))
	for op, total := range totals {
		out[op] = total.metrics()
	}
	return out, failed
}

type operationTotal struct {
	count, errors uint64
	seconds       float64
}

func (m *metrics) add(totals map[string]*operationTotal, row *dto.Metric) {
	labels := make(map[string]string, len(row.Label))
	for _, l := range row.Label {
		labels[l.GetName()] = l.GetValue()
	}
	n := row.GetHistogram().GetSampleCount()
	if n == 0 {
		return
	}
	op := m.ops[[2]string{labels["method"], labels["route"]}]
	total := totals[op]
	if total == nil {
		total = &operationTotal{}
		totals[op] = total
	}
	total.count += n
	total.seconds += row.GetHistogram().GetSampleSum()
	if isFailure(api.Code(labels["outcome"])) {
		total.errors += n
	}
}

func isFailure(outcome api.Code) bool {
	switch outcome {
	case outcomeOK, outcomeCanceled, api.NotFound, api.PreconditionFailed:
		return false
	}
	return true
}

func (t *operationTotal) metrics() api.OperationMetrics {
	return api.OperationMetrics{
		Count:        int64(t.count),
		Errors:       int64(t.errors),
		AvgLatencyMs: t.seconds / float64(t.count) * 1000,
	}
}
