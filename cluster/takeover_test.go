package cluster_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/buntime/keyval/cluster"
)

// waits tells that a node has said what it waits for, and how to get out of it.
func (n *node) waits(advice string) func() bool {
	return func() bool {
		for line := range strings.Lines(n.logs.String()) {
			if strings.Contains(line, "waiting to be added by the leader of the cluster") && strings.Contains(line, advice) {
				return true
			}
		}
		return false
	}
}

func TestAClusterWhoseDisksAreLostIsFoundedAgainByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	oldDisk, newDisk := persistent(t), persistent(t)
	w.orphan(oldDisk)
	b := w.mustStart("b", newDisk)
	w.until("it says that it knows nobody", b.waits("--join"))
	w.db.lapse()
	w.until("it names the command", b.waits("stop this node and run `keyval cluster recover`"))
	if !strings.Contains(b.logs.String(), "founder=a") {
		t.Error("it does not say who has founded the cluster")
	}
	b.kill()
	for range 2 { // it may be repeated
		if got, err := cluster.Recover(t.Context(), b.cfg); got != cluster.Refounded || err != nil {
			t.Fatalf("recover b = %q, %v, want refounded", got, err)
		}
	}
	b = w.mustStart("b", newDisk)
	w.leader(b)
	if got := w.db.founding(); got.Generation != 2 || got.NodeID != "b" {
		t.Errorf("the founding is %+v, want the second one, by b", got)
	}
	// The old majority must not lead beside it.
	old := w.mustStart("a", oldDisk)
	if err := old.end(); !errors.Is(err, cluster.ErrOtherFounding) {
		t.Errorf("a node of the old founding: %v, want ErrOtherFounding", err)
	}
}

func TestWhatALeaderHasJustRenewedIsNotTakenOverByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a", persistent(t))
	w.leader(a)
	for name, disk := range map[string]func(*cluster.Config){
		"without raft state": persistent(t),
		"ephemeral":          func(*cluster.Config) {},
	} {
		cfg := w.config("b")
		disk(&cfg)
		_, err := cluster.Recover(t.Context(), cfg)
		if !errors.Is(err, cluster.ErrNothingToRecover) || !strings.Contains(err.Error(), "start it, and it joins") || !strings.Contains(err.Error(), "try again in") {
			t.Errorf("%s: got %v, want that it says what to do and how long to wait", name, err)
		}
	}
	if got := w.db.founding(); got.Generation != 1 || got.NodeID != "a" {
		t.Errorf("the founding is %+v, want that of before", got)
	}
}

func TestEphemeralNodesTakeOverWhatPersistentOnesHaveFoundedByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.orphan(persistent(t))
	w.db.lapse()
	b := w.mustStart("b")
	w.until("it names the command", b.waits("keyval cluster recover --ephemeral"))
	if got := w.db.founding(); got.Generation != 1 {
		t.Errorf("the founding is %+v: its nodes may come back with their state", got)
	}
	if got, err := cluster.Recover(t.Context(), b.cfg); got != cluster.Released || err != nil {
		t.Fatalf("recover = %q, %v, want released", got, err)
	}
	w.leader(b) // without a restart
	if got, err := cluster.Recover(t.Context(), b.cfg); !errors.Is(err, cluster.ErrNothingToRecover) {
		t.Errorf("again: %q, %v, want ErrNothingToRecover", got, err)
	}
}

func TestANodeWithoutStateTakesOverAnEphemeralFoundingThatIsStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.orphan()
	b := w.mustStart("b", persistent(t))
	w.until("it waits", func() bool { return b.logs.count("waiting to be added") > 0 })
	w.db.lapse()
	w.leader(b)
	if got := w.db.founding(); got.Generation != 2 || got.Ephemeral {
		t.Errorf("the founding is %+v, want the second one, persistent", got)
	}
}

func TestANodeTellsForHowLongItKnowsNoLeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a", persistent(t))
	w.leader(a)
	w.until("it knows a leader", func() bool { return a.LeaderlessFor() == 0 })
	a.kill()
	w.seeds.forget()
	b := w.mustStart("b", persistent(t))
	before := b.LeaderlessFor()
	w.until("the time grows", func() bool { return b.LeaderlessFor() > before })
}
