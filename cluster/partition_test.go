package cluster_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/faultnet"
)

func TestRandomPartitionsNeverGiveOneEpochToTwoJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const seed = 20
	rnd := rand.New(rand.NewPCG(seed, seed))
	w.net.SetPackets(faultnet.Packets{Drop: 0.05, Duplicate: 0.1, Delay: 10 * time.Millisecond})
	a, b, c := w.three()
	nodes := []*node{a, b, c}
	for round := range 6 {
		cut := nodes[rnd.IntN(len(nodes))]
		if round%2 == 0 {
			cut = w.leaderNow(nodes...)
		}
		w.net.Partition([]string{cut.cfg.NodeID})
		w.until("the majority has a leader and the minority none", func() bool {
			leads := func(n *node) bool { return n.IsLeader() }
			return !cut.IsLeader() && count(w.others(cut, nodes...), leads) == 1
		})
		if rnd.IntN(2) == 0 { // otherwise the next cut finds the last one unhealed
			w.net.Heal()
			w.leader(nodes...)
		}
	}
	w.net.Heal()
	leader := w.leader(nodes...)
	w.waitVoters(3, nodes...)

	var epochs []uint64
	for _, n := range nodes {
		if n.jobs.overlapped() {
			t.Errorf("two jobs of %s ran at once", n.cfg.NodeID)
		}
		n.jobs.mu.Lock()
		if !slices.IsSorted(n.jobs.epochs) {
			t.Errorf("epochs of %s = %v, want them to grow", n.cfg.NodeID, n.jobs.epochs)
		}
		epochs = append(epochs, n.jobs.epochs...)
		n.jobs.mu.Unlock()
	}
	slices.Sort(epochs)
	if len(slices.Compact(slices.Clone(epochs))) != len(epochs) {
		t.Errorf("epochs of all jobs = %v, want each once", epochs)
	}
	if got, want := leader.jobs.lastEpoch(), epochs[len(epochs)-1]; got != want {
		t.Errorf("the leader's epoch = %d, want the highest, %d", got, want)
	}
}
