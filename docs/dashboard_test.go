package docs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// dashboardQueries are those of deploy/dashboard.json by the panel that they are in, as
// Grafana would send them with all nodes chosen.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal([]byte(mustReadText(t, "../deploy/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	// The time is no shorter than on a real one, so that a machine that is slow to scrape
	// does not matter.
	fill := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*")
	queries := make(map[string]string)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries[panel.Title+" "+target.RefID] = fill.Replace(target.Expr)
		}
	}
	if len(queries) < 40 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	return queries
}

const scrapeOften = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: keyval
    metrics_path: /metrics/prometheus
    static_configs: [{targets: [%q]}]
`

func TestEveryPanelShowsSomethingAndEveryAlertIsEvaluated(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	dir := t.TempDir()
	binary, err := nodetest.BuildKeyval(t.Context(), root, dir)
	nodetest.Check(t, err)
	node := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
		Binary: binary, Dir: dir, LibsqlURL: pair.Primary.HTTPURL(), ReplicaURL: pair.Replica.HTTPURL()})
	use := traffic{t, node.Client}
	use.follow(api.Key{"watched"})
	use.index(api.Key{"watched"})
	use.once() // before the queues are counted for the first time, which is done once a minute

	alerts, err := filepath.Abs("../deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	prometheus := nodetest.MustStartPrometheus(t, fmt.Sprintf(scrapeOften, alerts, node.HTTPAddr()))
	empty := dashboardQueries(t)
	await.That(t, "every query of the dashboard has a result", func() bool {
		use.once()
		for where, query := range empty {
			values, err := prometheus.Query(t.Context(), query)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) }) {
				delete(empty, where)
			}
		}
		return len(empty) == 0
	}, func() string { return fmt.Sprintf("these have none: %v", empty) })

	var rules map[string]string
	await.That(t, "every alert was evaluated", func() bool {
		if rules, err = prometheus.Rules(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(rules) > 20 && !slices.Contains(slices.Collect(maps.Values(rules)), "unknown")
	})
	for alert, health := range rules {
		if health != "ok" {
			t.Errorf("%s: %s", alert, health)
		}
	}
}

// traffic has a little of everything happen on a node.
type traffic struct {
	t      *testing.T
	client *client.Client
}

// follow watches a key until the test ends.
func (u traffic) follow(key api.Key) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, err := range u.client.Watch(u.t.Context(), key) {
			if err != nil {
				return // the test has ended
			}
		}
	}()
	u.t.Cleanup(func() { <-done })
}

// index has the entries at and below a key found by their text.
func (u traffic) index(prefix api.Key) {
	nodetest.Check(u.t, u.client.CreateIndex(u.t.Context(), api.Index{Prefix: prefix, Fields: []string{"text"}}))
	nodetest.Check(u.t, u.client.WaitForIndex(u.t.Context(), prefix))
}

// once writes, reads, misses, searches, and has a message acked, one that dies and one that waits.
func (u traffic) once() {
	ctx := u.t.Context()
	_, err := u.client.Put(ctx, api.Key{"watched"}, 1)
	nodetest.Check(u.t, err)
	_, err = u.client.Get(ctx, api.Key{"watched"})
	nodetest.Check(u.t, err)
	if _, err = u.client.Get(ctx, api.Key{"missing"}); !errors.Is(err, api.NotFound) {
		u.t.Fatal(err)
	}
	_, err = u.client.Search(ctx, api.SearchRequest{Prefix: api.Key{"watched"}, Query: "word"})
	nodetest.Check(u.t, err)
	for _, queue := range []string{"acked", "dies", "waits"} {
		_, err = u.client.Enqueue(ctx, queue, 1, client.MaxAttempts(1))
		nodetest.Check(u.t, err)
	}
	for _, message := range u.take("acked") {
		nodetest.Check(u.t, u.client.Ack(ctx, message))
	}
	for _, message := range u.take("dies") {
		nodetest.Check(u.t, u.client.Nack(ctx, message))
	}
}

func (u traffic) take(queue string) []api.Message {
	messages, err := u.client.Dequeue(u.t.Context(), queue)
	nodetest.Check(u.t, err)
	return messages
}
