package cluster_test

import (
	"sync"
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

// patient is for nodes of which none leads but who was told to stand or was handed
// leadership: no lease, and nobody's patience with a leader or a member, runs out as long
// as a test lasts, however slow the machine is.
func patient(cfg *cluster.Config) {
	t := &cfg.Timings
	t.Heartbeat, t.LeaderLease, t.RaftTimeout = 10*time.Minute, 9*time.Minute, time.Minute
	t.Probe, t.ProbeTimeout, t.StreamTimeout = time.Minute, 30*time.Second, time.Minute
	t.SilentAfter, t.LeaveWait = time.Hour, 20*time.Second
}

// mustStartPatient starts a patient node. Should it lead, its heartbeats do not wait for a
// third of its patience, until it is silenced: raft overlooks that it is handed leadership
// when a heartbeat arrives at that moment, and would notice after all of its patience.
func (w *world) mustStartPatient(name string) (n *node, silence func()) {
	w.t.Helper()
	n = w.mustStart(name, patient)
	end, over := make(chan struct{}), make(chan struct{})
	w.beats.Go(func() {
		defer close(over)
		tick := time.NewTicker(timings().Heartbeat / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				n.SendHeartbeats()
			case <-end:
				return
			}
		}
	})
	stop := sync.OnceFunc(func() { close(end) })
	w.t.Cleanup(stop)
	return n, func() { stop(); <-over }
}

// mustFoundPatient starts a patient node and has it found the cluster and lead.
func (w *world) mustFoundPatient(name string) (n *node, silence func()) {
	w.t.Helper()
	n, silence = w.mustStartPatient(name)
	w.until("it leads", func() bool {
		n.Stand()
		return n.IsLeader() && n.jobs.lastEpoch() == n.Epoch()
	})
	return n, silence
}

func TestALeaderThatClosesHandsOverWithoutAnElectionTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, silence := w.mustFoundPatient("a")
	b, _ := w.mustStartPatient("b")
	c, _ := w.mustStartPatient("c")
	w.waitVoters(3, old, b, c)
	silence()
	old.close(t)
	next := w.leader(b, c)
	old.jobs.waitCause(w, cluster.ErrClosed)
	w.until("the closed node has left", func() bool { return next.status(old.cfg.NodeID) == cluster.Left })
	w.waitVoters(2, b, c)
}

func TestTheSecondOfTwoNodesLeadsAloneWhenTheFirstCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, silence := w.mustFoundPatient("a")
	last, _ := w.mustStartPatient("b")
	w.waitVoters(2, old, last)
	silence()
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
