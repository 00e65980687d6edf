package docs_test

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A recorder is a registry that remembers what was registered: a vector shows nothing
// until it has counted, but describes itself.
type recorder struct {
	*prometheus.Registry
	mu      sync.Mutex
	metrics map[string]*metric
}

// A metric as the page has it.
type metric struct {
	name, kind, help string
	labels           []string
	values           map[string][]string // by label, those that were seen
}

func newRecorder() *recorder {
	return &recorder{Registry: prometheus.NewRegistry(), metrics: map[string]*metric{}}
}

func (r *recorder) Register(c prometheus.Collector) error {
	if err := r.Registry.Register(c); err != nil {
		return err
	}
	return r.describe(c)
}

func (r *recorder) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func (r *recorder) describe(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		c.Describe(descs)
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	var failed error
	for d := range descs {
		m, err := parseDesc(d)
		if err != nil {
			failed = err
			continue
		}
		m.kind = kindOf(c)
		r.metrics[m.name] = m
	}
	return failed
}

// descForm is how a Desc prints itself, which is all that it tells.
var descForm = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"),(?: unit: "[^"]*",)? constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

func parseDesc(d *prometheus.Desc) (*metric, error) {
	parts := descForm.FindStringSubmatch(d.String())
	if parts == nil {
		return nil, fmt.Errorf("client_golang prints a Desc in another way: %s", d)
	}
	m := &metric{values: map[string][]string{}}
	var err error
	if m.name, err = strconv.Unquote(parts[1]); err != nil {
		return nil, err
	}
	if m.help, err = strconv.Unquote(parts[2]); err != nil {
		return nil, err
	}
	for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(parts[3], -1) {
		m.labels = append(m.labels, label[1])
	}
	m.labels = append(m.labels, strings.FieldsFunc(parts[4], func(r rune) bool { return r == ',' })...)
	return m, nil
}

// kindOf is the type of a vector's children, "" of anything else: that is known as soon as
// it has shown something.
func kindOf(c prometheus.Collector) string {
	switch c.(type) {
	case *prometheus.GaugeVec:
		return "gauge"
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.HistogramVec:
		return "histogram"
	case *prometheus.SummaryVec:
		return "summary"
	}
	return ""
}

// mustSee adds types and labels' values from what the registry shows.
func (r *recorder) mustSee(t *testing.T) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, family := range families {
		m := r.metrics[family.GetName()]
		if m == nil {
			t.Fatalf("%s is shown and not described", family.GetName())
		}
		m.kind = strings.ToLower(family.GetType().String())
		for _, row := range family.Metric {
			m.see(row)
		}
	}
}

func (m *metric) see(row *dto.Metric) {
	for _, label := range row.Label {
		if seen := m.values[label.GetName()]; !slices.Contains(seen, label.GetValue()) {
			m.values[label.GetName()] = append(seen, label.GetValue())
		}
	}
}

// shows tells whether the registry shows a metric by now.
func (r *recorder) shows(t *testing.T, name string) bool {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
}

// sorted are the metrics by name.
func (r *recorder) sorted() []*metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.metrics), func(a, b *metric) int { return cmp.Compare(a.name, b.name) })
}
