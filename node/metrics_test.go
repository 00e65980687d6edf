package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// shown is the value of a metric, given with its labels as a node writes them, and whether
// it is there.
func shown(t *testing.T, n *testnode.Node, name string) (value float64, there bool) {
	t.Helper()
	response, err := http.Get(n.URL() + "/metrics/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		rest, found := strings.CutPrefix(line, name+" ")
		if !found {
			continue
		}
		if value, err = strconv.ParseFloat(strings.TrimSpace(rest), 64); err != nil {
			t.Fatal(err)
		}
		return value, true
	}
	return 0, false
}

func awaitShown(t *testing.T, n *testnode.Node, name string, holds func(float64) bool) {
	t.Helper()
	var last string
	await.That(t, name+" is as expected", func() bool {
		value, there := shown(t, n, name)
		last = fmt.Sprint(value, there)
		return there && holds(value)
	}, func() string { return "it is " + last })
}

func is(want float64) func(float64) bool { return func(got float64) bool { return got == want } }

func positive(got float64) bool { return got > 0 }

func TestTheMetricsTellWhatRunsAndHowLargeTheDatabaseIs(t *testing.T) {
	t.Parallel()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.Version = "1.2.3"
	n := testnode.MustStartNode(t, cfg)
	for _, name := range []string{"go_goroutines", "keyval_database_size_bytes", "keyval_http_connections_limit", "keyval_http_memory_in_flight_limit_bytes"} {
		if got, _ := shown(t, n, name); got <= 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got, _ := shown(t, n, "keyval_commit_pending_operations_limit"); got != float64(cfg.MaxPendingWrites) {
		t.Errorf("%v operations may wait, want %d", got, cfg.MaxPendingWrites)
	}
	response, err := http.Get(n.URL() + "/metrics/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(text), `,version="1.2.3"} 1`+"\n") {
		t.Errorf("the version is missing, error %v", err)
	}
}

func TestTheLeadersJobsAreCountedWithTheirFailures(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL, cfg.CleanupInterval = primary.HTTPURL(), time.Second
	n := testnode.MustStartNode(t, cfg)
	const job = `leader_job="sweep expired entries"`
	awaitShown(t, n, `keyval_leader_job_runs_total{`+job+`,outcome="ok"}`, positive)
	awaitShown(t, n, `keyval_leader_job_last_success_timestamp_seconds{`+job+`}`, positive)
	awaitShown(t, n, `keyval_leader_job_seconds_total{`+job+`}`, positive)
	if got, there := shown(t, n, `keyval_leader_job_runs_total{`+job+`,outcome="failed"}`); got != 0 || !there {
		t.Errorf("failures before there was one: got %v, %t", got, there)
	}
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitShown(t, n, `keyval_leader_job_runs_total{`+job+`,outcome="failed"}`, positive)
}

func TestOpenStreamsAreCounted(t *testing.T) {
	t.Parallel()
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, err := range n.Client.Watch(ctx, api.Key{"a"}) {
			if err != nil {
				return // it is cancelled
			}
		}
	}()
	awaitShown(t, n, "keyval_http_streams", is(1))
	cancel()
	<-done
	awaitShown(t, n, "keyval_http_streams", is(0))
}

func TestReceiversThatWaitAreCountedByQueueAndAreUnderWay(t *testing.T) {
	t.Parallel()
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	waits := make(chan error, 1)
	go func() {
		response, err := http.Get(n.URL() + "/queue/dequeue?queue=mail&wait=60000")
		if err == nil {
			err = response.Body.Close()
		}
		waits <- err
	}()
	const name = `keyval_queue_waiting_receivers{queue="mail"}`
	awaitShown(t, n, name, is(1))
	awaitShown(t, n, `keyval_http_requests_under_way{kind="waiting"}`, is(1))
	if _, err := n.Client.Enqueue(t.Context(), "mail", 1); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; err != nil {
		t.Fatal(err)
	}
	awaitShown(t, n, name, is(0))
	awaitShown(t, n, `keyval_http_requests_under_way{kind="waiting"}`, is(0))
}

// Prometheus cannot tell how much has come to what it sees for the first time.
func TestAQueuesCountersBeginWithZero(t *testing.T) {
	t.Parallel()
	n := testnode.MustStartNode(t, testnode.NodeConfig(t.TempDir()))
	if _, err := n.Client.Enqueue(t.Context(), "mail", 1); err != nil {
		t.Fatal(err)
	}
	if got, there := shown(t, n, `keyval_queue_dead_lettered_total{queue="mail"}`); got != 0 || !there {
		t.Errorf("got %v, %t", got, there)
	}
}
