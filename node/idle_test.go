package node_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

func TestIdleNodesCostNextToNothing(t *testing.T) {
	t.Parallel()
	const size = 7
	sqld := nodetest.MustStartSqldPair(t)
	var nodes []*nodetest.NodeProcess
	for i := range size {
		config := nodetest.ServeConfig{
			Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: sqld.Primary.HTTPURL(), ReplicaURL: sqld.Replica.HTTPURL(),
		}
		if i > 0 {
			config.Join = []string{nodes[0].GossipAddr()}
		}
		nodes = append(nodes, nodetest.MustStartNodeProcess(t, config))
	}
	await.That(t, "the cluster is whole and has its five voters", func() bool {
		status, err := statusOf(t.Context(), nodes[0])
		return err == nil && voters(status) == 5 && whole(t.Context(), nodes)
	})
	leader := leaderOf(t.Context(), nodes)
	// Beside other tests only what is busy without end is found out.
	interval, most, often, wakes, leads := 5*time.Second, 0.2, 10.0, 700.0, 700.0
	if _, soak := soaking(t); soak {
		interval, most, often, wakes, leads = time.Minute, 0.04, 1.5, 150, 350
	}
	before := make([]effort, size)
	for i, n := range nodes {
		before[i] = effortOf(t, n)
	}
	begun := time.Now()
	<-time.After(interval)
	elapsed := time.Since(begun)
	for i, n := range nodes {
		spent := effortOf(t, n).since(before[i])
		cpu := float64(spent.cpu) / float64(elapsed)
		queries, sleeps := spent.queries/elapsed.Seconds(), float64(spent.sleeps)/elapsed.Seconds()
		t.Logf("node %d: %.2f %% of a core, fell asleep %.0f times/s, %.2f queries/s, %d MiB",
			i+1, 100*cpu, sleeps, queries, residentBytes(t, n)>>20)
		// An idle node's cost is waking up. How often it does is the same on any
		// machine; what that costs is several times as much on a busy one.
		limit := wakes // about 60
		if n == leader {
			limit = leads // about 160; with raft's own heartbeats 720
		}
		if sleeps > limit {
			t.Errorf("node %d fell asleep %.0f times a second, want under %.0f", i+1, sleeps, limit)
		}
		if cpu > most { // on a quiet machine the leader takes about 0.8 %, others 0.3 %
			t.Errorf("node %d used %.2f %% of a core, want under %.0f %%", i+1, 100*cpu, 100*most)
		}
		// About one at most; the leader renews the founding as well.
		if queries > often {
			t.Errorf("node %d made %.2f database queries a second, want at most %.1f", i+1, queries, often)
		}
	}
}

// effort is what a node has done since it started.
type effort struct {
	cpu     time.Duration
	sleeps  int64   // of all threads together
	queries float64 // that read
}

func effortOf(t *testing.T, n *nodetest.NodeProcess) effort {
	t.Helper()
	return effort{cpuTime(t, n), sleeps(t, n), roundTrips(t, n)}
}

func (e effort) since(before effort) effort {
	return effort{e.cpu - before.cpu, e.sleeps - before.sleeps, e.queries - before.queries}
}

// roundTrips is how many statements the node has read its databases with.
func roundTrips(t *testing.T, n *nodetest.NodeProcess) float64 {
	t.Helper()
	return metric(t, n, "keyval_sql_reads_total")
}

// metric is the sum of a metric's values over its labels.
func metric(t *testing.T, n *nodetest.NodeProcess, metric string) (sum float64) {
	t.Helper()
	response, err := http.Get(n.URL() + "/metrics/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && (name == metric || strings.HasPrefix(name, metric+"{")) {
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += f
		}
	}
	if sum == 0 {
		t.Fatalf("the node shows no %s at all", metric)
	}
	return sum
}

// cpuTime is what the process has used since it started, in clock ticks of 10 ms.
func cpuTime(t *testing.T, n *nodetest.NodeProcess) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.Process().PID()))
	if err != nil {
		t.Skipf("SKIPPED, nothing was tested: %v", err)
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may have spaces
	fields := strings.Fields(after)
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// sleeps is how often the process's threads have waited for something.
func sleeps(t *testing.T, n *nodetest.NodeProcess) (sum int64) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", n.Process().PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(status), "\nvoluntary_ctxt_switches:")
		count, _, _ := strings.Cut(after, "\n")
		times, err := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += times
	}
	return sum
}

func residentBytes(t *testing.T, n *nodetest.NodeProcess) int64 {
	t.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.Process().PID()))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
