package cluster_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/buntime/keyval/cluster"
)

func TestMembersShowWhatTheClusterRouteNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	w.until("all members as they are", func() bool {
		leader := w.leader(a, b, c)
		for i, m := range a.Members() {
			n := []*node{a, b, c}[i]
			want := cluster.Member{
				ID: n.cfg.NodeID, HTTPAddr: n.cfg.NodeID + ":8080", GossipAddr: n.GossipAddr(), RaftAddr: n.RaftAddr(),
				Status: cluster.Alive, Role: cluster.Voter, Leader: n == leader, Version: "1.2.3", StartedAt: m.StartedAt,
			}
			if m != want {
				return false
			}
			if since := time.Since(m.StartedAt); since < 0 || since > 10*time.Minute {
				t.Errorf("member %s started %v ago, want a moment", m.ID, since)
			}
		}
		return true
	})
}

func TestAtMostFiveMembersVote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var nodes []*node
	for i := range 7 {
		nodes = append(nodes, w.mustStart(fmt.Sprintf("n%d", i)))
	}
	w.waitVoters(5, nodes...)
	if spare := nodes[0].count(cluster.Nonvoter); spare != 2 {
		t.Errorf("non-voters = %d, want 2", spare)
	}
	var voter *node
	leader := w.leader(nodes...)
	for _, n := range w.others(leader, nodes...) {
		if n.role(n.cfg.NodeID) == cluster.Voter {
			voter = n
		}
	}
	voter.close(t)
	w.until("a non-voter takes the seat", func() bool {
		return count(leader.Members(), func(m cluster.Member) bool { return m.Role == cluster.Voter && m.ID != voter.cfg.NodeID }) == 5
	})
}

func TestARestartedEphemeralVoterReplacesItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, followers := w.led()
	victim := followers[0]
	victim.kill()
	again := w.mustStart(victim.cfg.NodeID)
	w.waitVoters(3, leader, followers[1], again)
	w.until("each node is there once", func() bool { return len(leader.Members()) == 3 })
}

func TestARestartOnTheSamePortsDoesNotVoteForItsPredecessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, followers := w.led()
	victim := followers[0]
	victim.kill()
	again := w.mustStart(victim.cfg.NodeID, func(cfg *cluster.Config) {
		cfg.GossipAddr, cfg.RaftAddr = victim.GossipAddr(), victim.RaftAddr()
	})
	w.until("a call for its predecessor is refused", func() bool { return again.logs.count("or to another node, was refused") > 0 })
	w.waitVoters(3, leader, followers[1], again)
}

func TestNodesThatDeclaredEachOtherDeadMeetAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	all := []*node{a, b, c}
	w.net.Partition([]string{"a"}, []string{"b"}, []string{"c"})
	for _, n := range all {
		w.until("everybody else is dead", func() bool {
			return count(n.Members(), func(m cluster.Member) bool { return m.Status == cluster.Dead }) == 2
		})
	}
	w.net.Heal()
	for _, n := range all {
		w.until("all are alive again", func() bool {
			return count(n.Members(), func(m cluster.Member) bool { return m.Status == cluster.Alive }) == 3
		})
	}
	w.leader(all...)
}

func TestSeedNamesAreLookedUpAgainUntilTheyLeadSomewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a")
	lookups := make(chan string, 100)
	b := w.mustStart("b", func(cfg *cluster.Config) {
		_, port, _ := net.SplitHostPort(a.GossipAddr())
		cfg.Join = []string{"keyval.test:" + port}
		cfg.Resolve = resolver(lookups)
	})
	w.waitVoters(2, a, b)
	if got := len(lookups); got < 3 {
		t.Errorf("lookups = %d, want at least the 3 that it took", got)
	}
}

func TestMetricsTellTheStateOfTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reg := prometheus.NewRegistry()
	a := w.mustStart("a", func(cfg *cluster.Config) { cfg.Registerer = reg })
	b := w.mustStart("b")
	w.waitVoters(2, a, b)
	w.leader(a, b)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	// The epoch is 1 unless the machine was slow: then there was another election.
	var wrong string
	w.until("the metrics of two nodes at rest", func() bool {
		epoch := w.db.lastEpoch()
		got := gauges(t, reg)
		wrong = ""
		for name, want := range map[string]float64{
			"keyval_cluster_members/alive": 2, "keyval_cluster_members/dead": 0, "keyval_cluster_voters": 2,
			"keyval_cluster_epoch": float64(epoch), "keyval_cluster_fenced_total": 0,
			"keyval_cluster_raft_state/Candidate": 0,
		} {
			if got[name] != want {
				wrong += fmt.Sprintf("%s = %v, want %v\n", name, got[name], want)
			}
		}
		for _, name := range []string{"keyval_cluster_leader_changes_total", "keyval_cluster_raft_term", "keyval_cluster_raft_applied_index"} {
			if got[name] < 1 {
				wrong += fmt.Sprintf("%s = %v, want at least 1\n", name, got[name])
			}
		}
		return wrong == ""
	}, func() string { return wrong })
	a.close(t)
	if families, _ := reg.Gather(); len(families) != 0 {
		t.Errorf("%d metrics are left after Close", len(families))
	}
}

// gauges are the values of gauges and counters by name and labels.
func gauges(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "/" + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return got
}

func TestCloseIsSafeAtAnyTimeAndTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, prepare := range map[string]func(*cluster.Cluster) error{
		"new":       func(*cluster.Cluster) error { return nil },
		"listening": func(c *cluster.Cluster) error { return c.Listen() },
		"started": func(c *cluster.Cluster) error {
			if err := c.Listen(); err != nil {
				return err
			}
			return c.Start(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := cluster.New(w.config(name))
			if err != nil {
				t.Fatal(err)
			}
			if err := prepare(c); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestCloseDoesNotWaitForADatabaseThatIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.setDown(true)
	a := w.mustStart("a")
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = a.Close(context.Background())
	}()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		w.db.setDown(false)
		<-closed
		t.Error("it waited until the database was up again")
	}
}
