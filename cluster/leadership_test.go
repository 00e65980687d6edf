package cluster_test

import (
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
)

func TestANodeAloneLeadsUnderAnEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a")
	w.leader(a)
	if got, want := a.jobs.lastEpoch(), uint64(1); got != want {
		t.Errorf("epoch of the job = %d, want %d", got, want)
	}
	leader, ok := a.Leader()
	if !ok || leader.ID != "a" || leader.HTTPAddr != "a:8080" {
		t.Errorf("leader = %+v %v, want a", leader, ok)
	}
	a.close(t)
	a.jobs.waitCause(w, cluster.ErrClosed)
}

func TestAKilledLeaderIsReplacedUnderAHigherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, rest := w.led()
	old.kill()
	next := w.leader(rest...)
	if got, was := next.jobs.lastEpoch(), old.jobs.lastEpoch(); got <= was {
		t.Errorf("epoch of the next leader = %d, want more than %d", got, was)
	}
	w.until("the others know the epoch", func() bool { return rest[0].Epoch() == rest[1].Epoch() })
}

func TestALeaderThatClosesHandsOverWithoutAnElectionTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// An election without a hand-over begins a heartbeat timeout after the last
	// heartbeat, at the earliest: too late for this test.
	patient := func(cfg *cluster.Config) {
		cfg.Timings.LeaveWait = 20 * time.Second
		cfg.Timings.Heartbeat, cfg.Timings.LeaderLease = 10*time.Minute, 10*time.Minute
	}
	old := w.mustStart("a", func(cfg *cluster.Config) { cfg.Timings.LeaveWait = 20 * time.Second })
	w.leader(old)
	b, c := w.mustStart("b", patient), w.mustStart("c", patient)
	rest := []*node{b, c}
	w.waitVoters(3, old, b, c)
	w.leader(old)
	old.close(t)
	w.leader(rest...)
	old.jobs.waitCause(w, cluster.ErrClosed)
	w.until("the closed node has left", func() bool { return rest[0].status(old.cfg.NodeID) == cluster.Left })
	w.waitVoters(2, rest...)
}

func TestTheSecondOfTwoNodesLeadsAloneWhenTheFirstCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.mustStart("a"), w.mustStart("b")
	w.waitVoters(2, a, b)
	old := w.leader(a, b)
	last := w.others(old, a, b)[0]
	old.close(t)
	w.leader(last)
	w.waitVoters(1, last)
}

func TestALeaderCutOffFromTheMajorityStepsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, rest := w.led()
	all := append(rest, old)
	w.net.Partition([]string{old.cfg.NodeID})
	w.until("the old leader steps down", func() bool { return !old.IsLeader() })
	old.jobs.waitCause(w, cluster.ErrLeadershipLost)
	next := w.leader(rest...)
	w.net.Heal()
	w.until("all see one leader after the partition", func() bool {
		leads := w.leader(all...) // on a slow machine it may be another by now
		sees := func(n *node) bool { leader, ok := n.Leader(); return ok && leader.ID == leads.cfg.NodeID }
		return count(all, sees) == 3
	})
	if old.jobs.overlapped() || next.jobs.overlapped() {
		t.Error("two jobs of one node ran at once")
	}
}

func TestAFencedLeaderTakesANewEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a")
	w.leader(a)
	first := a.jobs.lastEpoch()
	if _, err := w.db.TakeEpoch(t.Context(), "late"); err != nil {
		t.Fatal(err)
	}
	a.Fenced(first)
	w.until("a job under a newer epoch", func() bool { return a.jobs.lastEpoch() == first+2 })
	a.jobs.waitCause(w, cluster.ErrFenced)
	a.Fenced(first) // long gone
	w.until("still leading", a.IsLeader)
	if got, want := a.jobs.lastEpoch(), first+2; got != want {
		t.Errorf("a stale report moved the epoch to %d, want %d", got, want)
	}
}

func TestTheJobWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, rest := w.led()
	w.db.setDown(true)
	old.kill()
	w.until("a leader without an epoch", func() bool {
		leader, ok := rest[0].Leader()
		return ok && leader.ID != old.cfg.NodeID && leader.Status == cluster.Alive
	})
	if rest[0].IsLeader() || rest[1].IsLeader() {
		t.Error("a node leads without an epoch")
	}
	w.db.setDown(false)
	w.leader(rest...)
}
