package cluster_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
)

// persistent gives a node a data directory that outlives its starts.
func persistent(t *testing.T) func(*cluster.Config) {
	dir := t.TempDir()
	return func(cfg *cluster.Config) { cfg.Ephemeral, cfg.DataDir = false, dir }
}

func TestNodesThatStartAtOnceFoundOneCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Nobody knows a seed's address before all listen, so names are resolved late.
	names := []string{"a", "b", "c", "d"}
	late := func(cfg *cluster.Config) {
		cfg.Join = nil
		cfg.Timings.JoinWait = time.Millisecond
	}
	nodes := make([]*node, len(names))
	for i, name := range names {
		nodes[i] = w.mustStart(name, late)
	}
	w.until("somebody founded", func() bool { return w.db.founding().Established })
	last := w.mustStart("e") // joins all, which brings all together
	w.waitVoters(5, append(nodes, last)...)
	if got, want := w.db.founding().Generation, uint64(1); got != want {
		t.Errorf("generation = %d, want %d", got, want)
	}
	w.leader(append(nodes, last)...)
}

func TestFoundingWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.setDown(true)
	a := w.mustStart("a")
	w.until("a complaint", func() bool { return a.logs.count("does not say who founds") > 0 })
	w.db.setDown(false)
	w.leader(a)
}

func TestACrashedEphemeralClusterIsFoundedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, rest := w.led()
	old.kill()
	rest[1].kill()
	w.db.lapse()
	w.leader(rest[0])
	if got, want := w.db.founding().Generation, uint64(2); got != want {
		t.Errorf("generation = %d, want %d", got, want)
	}
	if got, want := w.db.founding().NodeID, rest[0].cfg.NodeID; got != want {
		t.Errorf("founder = %q, want %q", got, want)
	}
	w.mustStart(old.cfg.NodeID)
	w.waitVoters(2, rest[0], w.nodes[old.cfg.NodeID])
	if got, want := w.db.founding().Generation, uint64(2); got != want {
		t.Errorf("generation after a restart = %d, want %d", got, want)
	}
}

func TestAMinorityJoinsTheNextFoundingWhenTheNetworkHeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.mustStart("a"), w.mustStart("b")
	w.waitVoters(2, a, b)
	// Neither has a quorum; whoever asks the database first founds again.
	w.net.Partition([]string{"a"}, []string{"b"})
	w.until("nobody leads", func() bool { return !a.IsLeader() && !b.IsLeader() })
	w.until("a new founding", func() bool {
		f := w.db.founding()
		if f.Generation < 2 {
			w.db.lapse() // again, if the last leader has renewed it meanwhile
		}
		return f.Generation >= 2 && f.Established
	})
	w.net.Heal()
	w.waitVoters(2, a, b)
	w.leader(a, b)
}

func TestTheLastEphemeralNodeReleasesTheFounding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a")
	w.leader(a)
	a.close(t)
	again := w.mustStart("a")
	w.leader(again) // would wait for an hour otherwise
}

func TestAPersistentNodeComesBackAsItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := persistent(t)
	a := w.mustStart("a", disk)
	w.leader(a)
	a.kill()
	w.db.setDown(true) // its own state is enough to be elected
	again := w.mustStart("a", disk)
	w.until("a leader", func() bool { l, ok := again.Leader(); return ok && l.ID == "a" })
	if got := again.IsLeader(); got {
		t.Error("it leads without an epoch")
	}
	w.db.setDown(false)
	w.leader(again)
	if got, want := w.db.founding().Generation, uint64(1); got != want {
		t.Errorf("generation = %d, want %d", got, want)
	}
	if got := again.logs.count("founding the cluster"); got != 0 {
		t.Error("a persistent node founded twice")
	}
}

func TestAPersistentClusterElectsAfterAllAddressesChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disks := map[string]func(*cluster.Config){"a": persistent(t), "b": persistent(t), "c": persistent(t)}
	a, b, c := w.mustStart("a", disks["a"]), w.mustStart("b", disks["b"]), w.mustStart("c", disks["c"])
	w.waitVoters(3, a, b, c)
	before := a.RaftAddr()
	for _, n := range []*node{a, b, c} {
		n.kill()
	}
	w.seeds.forget()
	a, b, c = w.mustStart("a", disks["a"]), w.mustStart("b", disks["b"]), w.mustStart("c", disks["c"])
	if a.RaftAddr() == before {
		t.Skip("the kernel chose the same port again")
	}
	leader := w.leader(a, b, c)
	w.waitVoters(3, a, b, c)
	for _, n := range []*node{a, b, c} {
		w.until("the leader reaches every member at its new address", func() bool {
			for _, m := range leader.Members() {
				if m.ID == n.cfg.NodeID {
					return m.RaftAddr == n.RaftAddr() && m.Status == cluster.Alive
				}
			}
			return false
		})
	}
}

func TestOneDataDirectoryServesOneProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disk := persistent(t)
	a := w.mustStart("a", disk)
	w.leader(a)
	second, err := w.start("a", disk, func(cfg *cluster.Config) { cfg.Join = nil })
	second.kill()
	w.nodes["a"] = a
	if err == nil || !strings.Contains(err.Error(), "data-dir") || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("start = %v, want that the data directory is in use", err)
	}
}

func TestALostQuorumIsRecoveredByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disks := map[string]func(*cluster.Config){"a": persistent(t), "b": persistent(t), "c": persistent(t)}
	a, b, c := w.mustStart("a", disks["a"]), w.mustStart("b", disks["b"]), w.mustStart("c", disks["c"])
	w.waitVoters(3, a, b, c)

	if _, err := cluster.Recover(t.Context(), a.cfg); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("recovering a running node: %v, want that its data is in use", err)
	}
	for _, n := range []*node{a, b, c} {
		n.kill()
	}
	if _, err := cluster.Recover(t.Context(), a.cfg); !errors.Is(err, cluster.ErrNothingToRecover) {
		t.Errorf("recovering while a leader was just there: %v, want ErrNothingToRecover", err)
	}
	w.db.lapse()
	for range 2 { // it may be repeated
		if got, err := cluster.Recover(t.Context(), a.cfg); got != cluster.Refounded || err != nil {
			t.Fatalf("recover a = %q, %v, want refounded", got, err)
		}
	}
	if got, want := w.db.founding().Generation, uint64(2); got != want {
		t.Errorf("generation = %d, want %d", got, want)
	}
	w.seeds.forget()
	a = w.mustStart("a", disks["a"])
	w.leader(a)

	b = w.mustStart("b", disks["b"])
	select {
	case err := <-b.Failed():
		if !errors.Is(err, cluster.ErrOtherFounding) || !strings.Contains(err.Error(), "keyval cluster recover") {
			t.Errorf("a node of the old founding: %v, want ErrOtherFounding that names the command", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a node of the old founding was not refused")
	}
	b.close(t)
	if got, err := cluster.Recover(t.Context(), b.cfg); got != cluster.Reset || err != nil {
		t.Fatalf("recover b = %q, %v, want reset", got, err)
	}
	if _, err := cluster.Recover(t.Context(), b.cfg); !errors.Is(err, cluster.ErrNothingToRecover) {
		t.Errorf("recovering an empty node: %v, want ErrNothingToRecover", err)
	}
	b = w.mustStart("b", disks["b"])
	w.waitVoters(2, a, b)
}

func TestANodeWithALostDataDirectoryDoesNotFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disks := map[string]func(*cluster.Config){"a": persistent(t), "b": persistent(t)}
	a, b := w.mustStart("a", disks["a"]), w.mustStart("b", disks["b"])
	w.waitVoters(2, a, b)
	a.kill()
	b.kill()
	a = w.mustStart("a", persistent(t))
	w.until("it waits to be added", func() bool { return a.logs.count("waiting to be added") > 0 })
	b = w.mustStart("b", disks["b"])
	w.until("both have met", func() bool { return a.status("b") == cluster.Alive && b.status("a") == cluster.Alive })
	if got := a.logs.count("founding the cluster"); got != 0 {
		t.Error("a founder that lost its state founded a second cluster")
	}
}
