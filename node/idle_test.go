package node_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

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
	eventually(t, "the cluster is whole and has its five voters", func() bool {
		status, err := statusOf(t.Context(), nodes[0])
		return err == nil && voters(status) == 5 && whole(t.Context(), nodes)
	})
	leader := leaderOf(t.Context(), nodes)
	interval := 5 * time.Second
	if _, soak := soaking(t); soak {
		interval = time.Minute
	}
	queries, cpu := make([]float64, size), make([]time.Duration, size)
	for i, n := range nodes {
		queries[i], cpu[i] = roundTrips(t, n), cpuTime(t, n)
	}
	begun := time.Now()
	<-time.After(interval)
	elapsed := time.Since(begun)
	for i, n := range nodes {
		used := float64(cpuTime(t, n)-cpu[i]) / float64(elapsed)
		asked := (roundTrips(t, n) - queries[i]) / elapsed.Seconds()
		memory := residentBytes(t, n) >> 20
		t.Logf("node %d: %.2f %% of a core, %.2f queries/s, %d MiB", i+1, 100*used, asked, memory)
		limit := 0.01
		if n == leader {
			limit = 0.05 // its heartbeats to six others, about seven a second to each
		}
		if used > limit {
			t.Errorf("node %d used %.2f %% of a core, want under %.0f %%", i+1, 100*used, 100*limit)
		}
		// The leader renews the founding as well.
		if asked > 1.5 {
			t.Errorf("node %d made %.2f database queries a second, want about one at most", i+1, asked)
		}
	}
}

// roundTrips is how many statements the node has read its databases with.
func roundTrips(t *testing.T, n *nodetest.NodeProcess) (sum float64) {
	t.Helper()
	response, err := http.Get(n.URL() + "/metrics/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && strings.HasPrefix(name, "keyval_sql_reads_total") {
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += f
		}
	}
	if sum == 0 {
		t.Fatal("the node shows no reads at all")
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
