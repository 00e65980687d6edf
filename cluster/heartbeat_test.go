package cluster_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
)

// countingNetwork counts what is written to the connections that it has dialled.
type countingNetwork struct {
	cluster.Network
	writes *atomic.Int64
}

func (n countingNetwork) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := n.Network.Dial(ctx, addr)
	return countingConn{conn, n.writes}, err
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestALeaderSendsThreeHeartbeatsInATimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writes := map[string]*atomic.Int64{"a": {}, "b": {}, "c": {}}
	quiet := func(cfg *cluster.Config) {
		cfg.Timings.Commit, cfg.Timings.PushPull, cfg.Timings.JoinEvery = time.Second, time.Hour, time.Hour
		cfg.Network = countingNetwork{cfg.Network, writes[cfg.NodeID]}
	}
	a, b, c := w.three(quiet)
	leader := w.leader(a, b, c)
	sent := writes[leader.cfg.NodeID]
	before, begun := sent.Load(), time.Now()
	const enough = 40
	w.until("a number of heartbeats", func() bool { return sent.Load() >= before+enough })
	// Two followers get three each; raft by itself would send each at least five.
	// What else is written is a fraction of that.
	timeouts := float64(time.Since(begun)) / float64(leader.cfg.Timings.Heartbeat)
	if rate := enough / timeouts; rate > 2*4 {
		t.Errorf("%.1f heartbeats in a timeout to two followers, want about six", rate)
	}
}

func TestOnlyWhoLeadsStretchesRaftsTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	nodes := []*node{a, b, c}
	onlyTheLeader := func() bool {
		leads := func(n *node) bool { return n.IsLeader() }
		alike := func(n *node) bool { return leads(n) == (n.RaftTimeout() > n.cfg.Timings.Heartbeat) }
		return count(nodes, alike) == len(nodes) && count(nodes, leads) == 1
	}
	w.until("only the leader has a longer timeout", onlyTheLeader)
	old := w.leader(nodes...)
	w.net.Partition([]string{old.cfg.NodeID})
	w.until("only the next leader has a longer timeout", func() bool { return !old.IsLeader() && onlyTheLeader() })
	w.net.Heal()
	w.until("only the leader has a longer timeout again", onlyTheLeader)
}
