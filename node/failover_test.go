package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// sweepInterval is the nodes' cleanup interval in these tests: longer than a
// failover, as in production, and short enough to wait for.
const sweepInterval = 3 * time.Second

// busy is for how long the machine may be busy with other tests.
const busy = 20 * time.Second

// A fault takes the leader away, and gives it back.
type leaderFault struct {
	name   string
	within time.Duration // another node leads, on a machine that is not overloaded
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
	chores := startChores(t, others[0].URL(), d.sqld.Primary)

	gone, struck := d.clock(t), time.Now()
	fault.strike(t, old)
	var leader *nodetest.NodeProcess
	await.That(t, "another node leads", func() bool {
		leader = leaderOf(t.Context(), others)
		return leader != nil && leader != old && d.epoch(t) > before
	})
	took, back := time.Since(struck), d.clock(t)
	t.Logf("%s: another node leads after %s", fault.name, seconds(took))
	if _, soak := soaking(t); soak && took > fault.within {
		t.Errorf("%s: another node led after %v, want at most %v", fault.name, took, fault.within)
	}
	// The old leader comes back while the new one works.
	term, after := raftTerm(t, leader), d.epoch(t)
	fault.mend(t, old)
	d.awaitWhole(t)
	load.stop()
	chores.make.stop()
	load.mustNotFail(t)
	load.mustBeThere(t, newPlain(t, old.URL()).strongly())
	await.That(t, "everything that expired is gone, and every message is free whose lock has ended", func() bool {
		return d.count(t, "SELECT count(*) FROM kv_queue WHERE locked_until IS NOT NULL") == 0 &&
			d.count(t, "SELECT count(*) FROM kv_entries WHERE expires_at IS NOT NULL") == 0
	})
	chores.stop()
	if d.count(t, "SELECT count(*) FROM kv_queue WHERE queue LIKE 'unacked-%' AND attempts=1") == 0 {
		t.Errorf("%s: no message was ever locked", fault.name)
	}
	expired, locked := chores.worst(gone, back)
	t.Logf("%s: with a leader, expired entries were gone after %s and messages free %s after their lock at most",
		fault.name, seconds(expired), seconds(locked))
	if limit := 2*sweepInterval + busy; max(expired, locked) > limit {
		t.Errorf("%s: with a leader, an entry was still there %v after it had expired, a message locked %v after its lock; want at most two intervals of %v",
			fault.name, expired, locked, sweepInterval)
	}
	// Each expiry has been swept once, though two nodes took themselves for the
	// leader for a while.
	if twice := d.count(t, sweptTwiceSQL); twice != 0 {
		t.Errorf("%s: %d keys were swept more than once", fault.name, twice)
	}
	// A slow machine may have had one more election.
	if now := d.epoch(t); now != after && raftTerm(t, leader) == term {
		t.Errorf("%s: the epoch went on from %d to %d after the old leader's return; want no change", fault.name, after, now)
	}
}

// raftTerm grows with every election.
func raftTerm(t *testing.T, n *nodetest.NodeProcess) float64 {
	t.Helper()
	return metric(t, n, "keyval_cluster_raft_term")
}

// epoch is that in the database.
func (d *deployment) epoch(t *testing.T) int64 {
	t.Helper()
	return d.count(t, "SELECT epoch FROM keyval_leader")
}

// clock is the database's, in Unix milliseconds.
func (d *deployment) clock(t *testing.T) int64 {
	t.Helper()
	return d.count(t, "SELECT "+clockSQL)
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
	text, err := oneText(ctx, sqld, sql)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// oneText is the one value of a query, a text or an integer.
func oneText(ctx context.Context, sqld *nodetest.Sqld, sql string) (string, error) {
	answer, err := sqld.Query(ctx, sql)
	if err != nil {
		return "", err
	}
	var parsed struct {
		Results []struct {
			Response struct {
				Result struct {
					Rows [][]struct {
						Value string `json:"value"`
					} `json:"rows"`
				} `json:"result"`
			} `json:"response"`
		} `json:"results"`
	}
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil {
		return "", err
	}
	rows := parsed.Results[0].Response.Result.Rows
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("%s: got %s, want one value", sql, answer)
	}
	return rows[0][0].Value, nil
}
