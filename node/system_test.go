package node_test

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// The tests of whole systems: nodes as processes of their own, libSQL servers and
// a load balancer. KEYVAL_SOAK, a duration, makes them longer.

// built is where the command that is tested is built, once for all tests.
var built struct {
	dir    string
	binary func() (string, error)
}

func TestMain(m *testing.M) {
	// Most of the tests wait, for timeouts and elections of processes of their own.
	// What the command line says comes later and counts.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "keyval-system-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir = dir
	built.binary = sync.OnceValues(func() (string, error) {
		return nodetest.BuildKeyval(context.Background(), "..", dir)
	})
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// keyval is the command's file.
func keyval(t testing.TB) string {
	t.Helper()
	binary, err := built.binary()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// soaking is how long the soak lasts, and whether this is a long run.
func soaking(t testing.TB) (time.Duration, bool) {
	t.Helper()
	text := os.Getenv("KEYVAL_SOAK")
	if text == "" {
		return 8 * time.Second, false
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("KEYVAL_SOAK: %v", err)
	}
	return d, true
}

// repetitions is how often a test does something that it could do for ever.
func repetitions(t testing.TB, short, long int) int {
	if _, soak := soaking(t); soak {
		return long
	}
	return short
}

// A deployment is what runs in production: a primary and a replica, nodes that
// join each other, and the load balancer with the shipped configuration.
type deployment struct {
	sqld     *nodetest.SqldPair
	nodes    []*nodetest.NodeProcess
	balancer *nodetest.HAProxy
}

// deploy starts everything. Flags are those of all nodes.
func deploy(t *testing.T, binary string, flags ...string) *deployment {
	t.Helper()
	d := &deployment{sqld: nodetest.MustStartSqldPair(t)}
	for i := range 3 {
		config := d.serveConfig(t, binary, flags...)
		if i > 0 {
			config.Join = []string{d.nodes[0].GossipAddr()}
		}
		d.nodes = append(d.nodes, nodetest.MustStartNodeProcess(t, config))
	}
	d.balance(t)
	d.awaitWhole(t)
	return d
}

func (d *deployment) serveConfig(t *testing.T, binary string, flags ...string) nodetest.ServeConfig {
	return nodetest.ServeConfig{
		Binary:     binary,
		Dir:        t.TempDir(),
		LibsqlURL:  d.sqld.Primary.HTTPURL(),
		ReplicaURL: d.sqld.Replica.HTTPURL(),
		Flags:      flags,
	}
}

// balance starts the load balancer and waits until all nodes get requests.
func (d *deployment) balance(t *testing.T) {
	t.Helper()
	config, err := os.ReadFile("../deploy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for i, n := range d.nodes {
		env = append(env, fmt.Sprintf("KEYVAL_NODE_%d=%s", i+1, n.HTTPAddr()))
	}
	d.balancer = nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
		Config: string(config),
		Listen: []string{"KEYVAL_LISTEN", "KEYVAL_STATS"},
		Env:    env,
	})
}

// url is the load balancer's.
func (d *deployment) url() string { return d.balancer.URL("KEYVAL_LISTEN") }

// awaitWhole waits until every running node knows all members, and the same
// leader, whose epoch has come round, and all nodes are voters.
func (d *deployment) awaitWhole(t *testing.T) {
	t.Helper()
	await.That(t, "the cluster is whole", func() bool { return whole(t.Context(), d.nodes) })
}

func whole(ctx context.Context, nodes []*nodetest.NodeProcess) bool {
	leaders := map[string]bool{}
	for _, n := range nodes {
		status, err := statusOf(ctx, n)
		if err != nil || status.Leader == nil || status.Epoch == 0 {
			return false
		}
		alive := 0
		for _, m := range status.Members {
			if m.Status == api.MemberAlive {
				alive++
			}
		}
		leaders[fmt.Sprint(status.Leader.ID, status.Epoch)] = true
		if alive != len(nodes) || len(leaders) != 1 {
			return false
		}
	}
	return true
}

// awaitVoters waits until all nodes may vote, so that any one of them can die.
func (d *deployment) awaitVoters(t *testing.T) {
	t.Helper()
	await.That(t, "all nodes are voters", func() bool {
		status, err := statusOf(t.Context(), d.nodes[0])
		return err == nil && voters(status) == len(d.nodes)
	})
}

func voters(status api.ClusterStatus) (n int) {
	for _, m := range status.Members {
		if m.Role == api.RoleVoter && m.Status == api.MemberAlive {
			n++
		}
	}
	return n
}

// statusOf asks one node once, for at most a second: it may be paused.
func statusOf(ctx context.Context, n *nodetest.NodeProcess) (status api.ClusterStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return n.Client.Cluster(ctx)
}

// leader returns the node that leads and the others.
func (d *deployment) leader(t *testing.T) (leader *nodetest.NodeProcess, others []*nodetest.NodeProcess) {
	t.Helper()
	await.That(t, "there is a leader", func() bool {
		leader = leaderOf(t.Context(), d.nodes)
		return leader != nil
	})
	for _, n := range d.nodes {
		if n != leader {
			others = append(others, n)
		}
	}
	return leader, others
}

// leaderOf returns the one of nodes that they call their leader, nil for none.
func leaderOf(ctx context.Context, nodes []*nodetest.NodeProcess) *nodetest.NodeProcess {
	for _, asked := range nodes {
		status, err := statusOf(ctx, asked)
		if err != nil || status.Leader == nil {
			continue
		}
		i := slices.IndexFunc(nodes, func(n *nodetest.NodeProcess) bool { return n.HTTPAddr() == status.Leader.HTTPAddr })
		if i >= 0 {
			return nodes[i]
		}
	}
	return nil
}

// ready tells whether the node says so itself.
func ready(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// seconds of a duration, for reports.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s" }

// balancerStates returns each server's state in the two backends, in the order of
// the configuration.
func balancerStates(t *testing.T, balancer *nodetest.HAProxy) [][2]string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, balancer.URL("KEYVAL_STATS")+"/;csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	rows, err := csv.NewReader(response.Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	status := slices.Index(rows[0], "status")
	states := make([][2]string, 3)
	for _, row := range rows[1:] {
		var i int
		if _, err := fmt.Sscanf(row[1], "keyval-%d", &i); err != nil {
			continue
		}
		backend := 0
		if row[0] == "same_node" {
			backend = 1
		}
		states[i-1][backend] = row[status]
	}
	return states
}
