package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/node/nodetest"
)

// sweepInterval is the nodes' cleanup interval in these tests: longer than a
// failover, as in production, and short enough to wait for.
const sweepInterval = 3 * time.Second

// A fault takes the leader away, and gives it back.
type leaderFault struct {
	name   string
	within time.Duration // another node leads
	strike func(*testing.T, *nodetest.NodeProcess)
	mend   func(*testing.T, *nodetest.NodeProcess)
}

// The last one leaves two voters until the node is trusted again, 10 s later.
var leaderFaults = []leaderFault{
	{
		name:   "kill -9",
		within: 5 * time.Second,
		strike: func(t *testing.T, n *nodetest.NodeProcess) { nodetest.Check(t, n.Kill()) },
		mend:   func(t *testing.T, n *nodetest.NodeProcess) { nodetest.Check(t, n.Start(t.Context())) },
	},
	{
		name:   "SIGSTOP",
		within: 10 * time.Second,
		strike: func(t *testing.T, n *nodetest.NodeProcess) { nodetest.Check(t, n.Pause()) },
		mend:   func(t *testing.T, n *nodetest.NodeProcess) { nodetest.Check(t, n.Resume()) },
	},
	{
		name:   "SIGTERM",
		within: 2 * time.Second,
		strike: func(t *testing.T, n *nodetest.NodeProcess) {
			var stopping sync.WaitGroup
			stopping.Go(func() { _ = n.Stop(context.Background()) })
			t.Cleanup(stopping.Wait)
		},
		mend: func(t *testing.T, n *nodetest.NodeProcess) {
			if err := n.Process().ExitErr(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
			nodetest.Check(t, n.Start(t.Context()))
		},
	},
}

func TestWhenTheLeaderIsGoneAnotherTakesOverAndNobodyNotices(t *testing.T) {
	t.Parallel()
	d := deploy(t, keyval(t), "--cleanup-interval", sweepInterval.String())
	for _, fault := range leaderFaults {
		t.Run(fault.name, func(t *testing.T) {
			for range repetitions(t, 1, 5) {
				d.loseLeader(t, fault)
			}
		})
	}
}

// loseLeader lets the fault happen and checks what must hold meanwhile.
func (d *deployment) loseLeader(t *testing.T, fault leaderFault) {
	t.Helper()
	d.awaitVoters(t) // three, so that two elect
	old, others := d.leader(t)
	before := d.epoch(t)
	var stores []store
	for _, n := range others {
		stores = append(stores, newPlain(t, n.URL()))
	}
	load := startTraffic(t, 4, stores...)
	expiring := startExpiring(t, others[0].URL(), d.sqld.Primary)

	struck := time.Now()
	fault.strike(t, old)
	eventually(t, "another node leads", func() bool {
		leader := leaderOf(t.Context(), others)
		return leader != nil && leader != old && d.epoch(t) > before
	})
	took := time.Since(struck)
	t.Logf("%s: another node leads after %s", fault.name, seconds(took))
	if took > fault.within {
		t.Errorf("%s: another node led after %v, want at most %v", fault.name, took, fault.within)
	}
	// The old leader comes back while the new one works.
	after := d.epoch(t)
	fault.mend(t, old)
	d.awaitWhole(t)
	expiring.stop()
	load.stop()
	load.mustNotFail(t)
	load.mustBeThere(t, newPlain(t, old.URL()).strongly())
	eventually(t, "everything that expired is gone", func() bool {
		return d.count(t, "SELECT count(*) FROM kv_entries WHERE expires_at IS NOT NULL") == 0
	})
	if worst := expiring.worst(); worst > 2*sweepInterval {
		t.Errorf("%s: an entry was still there %v after it had expired, want at most two intervals of %v", fault.name, worst, sweepInterval)
	} else {
		t.Logf("%s: expired entries were gone after %s at most", fault.name, seconds(worst))
	}
	// Each expiry has been swept once, though two nodes took themselves for the
	// leader for a while.
	if twice := d.count(t, "SELECT count(*) FROM (SELECT 1 FROM keyval_changelog WHERE op='x' GROUP BY key HAVING count(*)>1)"); twice != 0 {
		t.Errorf("%s: %d keys were swept more than once", fault.name, twice)
	}
	if now := d.epoch(t); now != after {
		t.Errorf("%s: the epoch went on from %d to %d after the old leader's return; want no change", fault.name, after, now)
	}
}

// epoch is that in the database.
func (d *deployment) epoch(t *testing.T) int64 {
	t.Helper()
	return d.count(t, "SELECT epoch FROM keyval_leader")
}

// count asks the primary, past all nodes, for one number.
func (d *deployment) count(t *testing.T, sql string) int64 {
	t.Helper()
	n, err := oneNumber(t.Context(), d.sqld.Primary, sql)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func oneNumber(ctx context.Context, sqld *nodetest.Sqld, sql string) (n int64, err error) {
	answer, err := sqld.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	var parsed struct {
		Results []struct {
			Response struct {
				Result struct {
					Rows [][]struct {
						Value json.RawMessage `json:"value"`
					} `json:"rows"`
				} `json:"result"`
			} `json:"response"`
		} `json:"results"`
	}
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil {
		return 0, err
	}
	rows := parsed.Results[0].Response.Result.Rows
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, fmt.Errorf("%s: got %s, want one number", sql, answer)
	}
	_, err = fmt.Sscanf(string(rows[0][0].Value), `"%d"`, &n)
	return n, err
}

// expiring writes entries that expire soon, each under a key of its own, and watches
// at the primary how long what has expired stays there.
type expiring struct {
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex // covers what follows
	longest time.Duration
}

const overdueSQL = `SELECT CAST(coalesce(max(unixepoch('subsec')*1000-expires_at),0) AS INTEGER) FROM kv_entries WHERE expires_at IS NOT NULL`

// startExpiring writes through the node at url.
func startExpiring(t *testing.T, url string, primary *nodetest.Sqld) *expiring {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	e := &expiring{cancel: cancel}
	t.Cleanup(e.stop)
	direct := newPlain(t, url)
	e.every(ctx, 5*pace, func(i int) {
		path := fmt.Sprintf("/keys/expiring/%d-%d?expireIn=100", time.Now().UnixNano(), i)
		_, _ = direct.do(context.WithoutCancel(ctx), http.MethodPut, path, i)
	})
	e.every(ctx, 10*pace, func(int) {
		if overdue, err := oneNumber(ctx, primary, overdueSQL); err == nil {
			e.mu.Lock()
			e.longest = max(e.longest, time.Duration(overdue)*time.Millisecond)
			e.mu.Unlock()
		}
	})
	return e
}

func (e *expiring) every(ctx context.Context, interval time.Duration, do func(i int)) {
	e.work.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(i)
			}
		}
	})
}

func (e *expiring) stop() {
	e.cancel()
	e.work.Wait()
}

// worst is the longest time for which an entry that had expired was still there.
func (e *expiring) worst() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.longest
}
