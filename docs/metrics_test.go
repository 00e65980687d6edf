package docs_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

const (
	metricsPage  = "metrics.md"
	metricsStart = "<!-- The tables are made from a node's registry: go test ./docs -run TestTheMetricsPage -update -->\n"
	metricsEnd   = "<!-- end of the tables -->\n"
)

var update = flag.Bool("update", false, "write what is made from the code instead of comparing it")

// metricGroups are the page's sections; a metric belongs to the first that has a beginning
// of its name, and to the last one if none has.
var metricGroups = []struct {
	title    string
	prefixes []string
}{
	{"Requests", []string{"keyval_http_"}},
	{"Who may", []string{"keyval_access_", "keyval_auth_", "keyval_token_", "keyval_ticket_", "keyval_tls_", "keyval_limit_", "keyval_rate_", "keyval_overload_"}},
	{"Writes", []string{"keyval_commit_", "keyval_operation_"}},
	{"Reads", []string{"keyval_read_", "keyval_sql_", "keyval_filter_"}},
	{"Database and replica", []string{"keyval_database_", "keyval_replica_", "keyval_position_"}},
	{"Queues", []string{"keyval_queue_"}},
	{"Search", []string{"keyval_search_"}},
	{"Watching", []string{"keyval_watch_"}},
	{"Cluster", []string{"keyval_cluster_", "keyval_leader_"}},
	{"Process", []string{"keyval_build_", "go_", "process_"}},
	{"Others", []string{""}},
}

// labelWords say what a label has that may have many values.
var labelWords = map[string]string{
	"database":  "`primary` or `replica`; only `primary` without a replica",
	"goversion": "the version of Go that built the program",
	"method":    "`GET`, `POST` and so on; `any` where no route matches",
	"operation": "the name of what writes, such as `set`, `enqueue`, `sweep`",
	"outcome":   "`ok`, or what else came of it; the meaning says which there are. Of requests it is a [code of an error](api.md#errors)",
	"queue":     "the queue's name; `(other)` for those that came after the first 100",
	"route":     "the route's template, such as `/keys/*`, never the path; `unmatched` where there is none",
	"version":   "that of `keyval --version`",
}

// fewValues are the labels whose values a node at rest shows, all of them.
var fewValues = []string{"condition", "event", "leader_job", "limit", "state", "status"}

// ofProcess are the metrics of Prometheus' own collectors that the page names: which others
// there are depends on the system and on Go.
var ofProcess = []string{
	"go_gc_gomemlimit_bytes", "go_goroutines", "go_memstats_heap_inuse_bytes", "go_memstats_heap_released_bytes", "go_memstats_sys_bytes",
	"process_cpu_seconds_total", "process_max_fds", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds",
}

// nodeRegistry is what a node with everything on registers.
func nodeRegistry(t *testing.T) *recorder {
	t.Helper()
	registry := newRecorder()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.Registerer, cfg.Gatherer = registry, registry
	node := testnode.MustStartNode(t, cfg)
	if _, err := node.Client.Enqueue(t.Context(), "", 1); err != nil {
		t.Fatal(err)
	}
	for _, late := range []string{"keyval_cluster_raft_state", "keyval_queue_messages"} {
		await.That(t, late+" is shown", func() bool { return registry.shows(t, late) })
	}
	registry.mustSee(t)
	return registry
}

func TestTheMetricsPageHasEveryMetric(t *testing.T) {
	t.Parallel()
	page := mustReadText(t, metricsPage)
	before, rest, found := strings.Cut(page, metricsStart)
	got, after, foundEnd := strings.Cut(rest, metricsEnd)
	if !found || !foundEnd {
		t.Fatalf("%s has no marks around its tables", metricsPage)
	}
	want := metricTables(t, nodeRegistry(t).sorted())
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("docs/%s is not what a node has; run: make docs\n%s", metricsPage, differences(got, want))
	}
	if err := os.WriteFile(metricsPage, []byte(before+metricsStart+want+metricsEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// differences are the lines that one text has and the other has not.
func differences(got, want string) string {
	var text strings.Builder
	for _, side := range []struct{ sign, in, other string }{{"-", got, want}, {"+", want, got}} {
		lines := strings.Split(side.other, "\n")
		for line := range strings.SplitSeq(side.in, "\n") {
			if !slices.Contains(lines, line) {
				text.WriteString(side.sign + " " + line + "\n")
			}
		}
	}
	return text.String()
}

// metricTables are the sections of the page, and one for the labels.
func metricTables(t *testing.T, all []*metric) string {
	t.Helper()
	rows, used := make(map[string]string), make(map[string]bool)
	for _, m := range all {
		if isOfProcess(m.name) && !slices.Contains(ofProcess, m.name) {
			continue
		}
		if m.kind == "" {
			t.Fatalf("%s: its type is not known before it shows something; have nodeRegistry make it do so", m.name)
		}
		rows[groupOf(m.name)] += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", m.name, m.kind, m.labelled(used), m.unit(), escaped(m.help))
	}
	var text strings.Builder
	for _, g := range metricGroups {
		if rows[g.title] != "" {
			fmt.Fprintf(&text, "\n## %s\n\n| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n%s", g.title, rows[g.title])
		}
	}
	text.WriteString("\n## Labels\n\n| label | what it has |\n|---|---|\n")
	for _, label := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(&text, "| `%s` | %s |\n", label, labelWords[label])
	}
	text.WriteString("\n")
	return text.String()
}

func isOfProcess(name string) bool {
	return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")
}

func groupOf(name string) string {
	for _, g := range metricGroups {
		if slices.ContainsFunc(g.prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			return g.title
		}
	}
	return ""
}

// labelled is the cell of a metric's labels. Those that the page explains are noted in used.
func (m *metric) labelled(used map[string]bool) string {
	var cells []string
	for _, label := range m.labels {
		cell := "`" + label + "`"
		if slices.Contains(fewValues, label) {
			cell += ": " + strings.Join(slices.Sorted(slices.Values(m.values[label])), ", ")
		}
		used[label] = used[label] || labelWords[label] != ""
		cells = append(cells, cell)
	}
	maps.DeleteFunc(used, func(_ string, explained bool) bool { return !explained })
	return strings.Join(cells, "; ")
}

// unit goes by the end of the name, as Prometheus' rules have it.
func (m *metric) unit() string {
	name := strings.TrimSuffix(m.name, "_total")
	for _, unit := range []struct{ suffix, name string }{
		{"_timestamp_seconds", "seconds since 1970"}, {"_start_time_seconds", "seconds since 1970"},
		{"_seconds", "seconds"}, {"_bytes", "bytes"}, {"_ratio", "0 to 1"},
	} {
		if strings.HasSuffix(name, unit.suffix) {
			return unit.name
		}
	}
	if strings.HasPrefix(m.help, "1 while ") || strings.HasPrefix(m.help, "1 from ") {
		return "0 or 1"
	}
	return "number"
}

func escaped(cell string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(cell)
}

// Prometheus gives these to whatever it scrapes, and renames those that are there.
func TestNoLabelIsOneThatPrometheusGives(t *testing.T) {
	t.Parallel()
	for _, m := range nodeRegistry(t).sorted() {
		for _, taken := range []string{"job", "instance"} {
			if slices.Contains(m.labels, taken) {
				t.Errorf("%s has the label %s", m.name, taken)
			}
		}
	}
}

func TestANodeOnAServerHasTheMetricsOfThePage(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	registry := newRecorder()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL, cfg.LibsqlReplicaURL = pair.Primary.HTTPURL(), pair.Replica.HTTPURL()
	cfg.Registerer, cfg.Gatherer = registry, registry
	node := testnode.MustStartNode(t, cfg)
	if _, err := node.Client.Put(t.Context(), api.Key{"a"}, 1); err != nil {
		t.Fatal(err)
	}
	page := mustReadText(t, metricsPage)
	for _, m := range registry.sorted() {
		if !isOfProcess(m.name) && !strings.Contains(page, "| `"+m.name+"` |") {
			t.Errorf("%s is not on the page", m.name)
		}
	}
}

func TestAMetricThatHasNotCountedIsFoundWithItsLabels(t *testing.T) {
	t.Parallel()
	for _, m := range nodeRegistry(t).sorted() {
		if m.name == "keyval_commit_operation_seconds" {
			if m.kind != "histogram" || !slices.Equal(m.labels, []string{"operation", "outcome"}) {
				t.Errorf("got %+v", m)
			}
			return
		}
	}
	t.Error("it was not found")
}
