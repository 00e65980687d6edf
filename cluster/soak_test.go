package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
)

// TestSoakNodesDieAndAreReplacedAndThereIsALeader takes nodes away at random, as many
// voters at once as the cluster bears, and puts others in their place, for as long as
// KEYVAL_SOAK says. Each time there is a leader again before the replacements are
// there, and then all that live vote, or five of them.
func TestSoakNodesDieAndAreReplacedAndThereIsALeader(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	s := &succession{world: newWorld(t), random: rand.New(rand.NewPCG(seed, 0))}
	s.seats = 3 + s.random.IntN(4)
	t.Logf("seed %d, %d nodes", seed, s.seats)
	s.refill()
	rounds := 0
	for end := time.Now().Add(soakTime(t)); rounds < 3 || time.Now().Before(end); rounds++ {
		s.round()
	}
	t.Logf("%d rounds, %d nodes in all, longest %v without a leader", rounds, s.started, s.longest)
}

// soakTime is how long random faults happen.
func soakTime(t *testing.T) time.Duration {
	text := os.Getenv("KEYVAL_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("KEYVAL_SOAK: %v", err)
	}
	return d
}

// succession is a cluster of so many nodes, whoever they are.
type succession struct {
	*world
	random  *rand.Rand
	seats   int
	alive   []*node
	started int
	vacant  []string // names of those that were killed; a replacement may use one again
	longest time.Duration
}

func (s *succession) round() {
	switch s.random.IntN(5) {
	case 0:
		s.oneLeaves()
	case 1:
		s.oneIsCutOff()
	default:
		s.someDie()
	}
	began := time.Now()
	s.leaderNow(s.alive...)
	s.longest = max(s.longest, time.Since(began))
	s.refill()
}

// refill starts nodes until all seats are taken, and waits until all is well.
func (s *succession) refill() {
	for len(s.alive) < s.seats {
		name := fmt.Sprint("n", s.started)
		if len(s.vacant) > 0 && s.random.IntN(2) == 0 {
			name, s.vacant = s.vacant[0], s.vacant[1:]
		}
		s.started++
		s.alive = append(s.alive, s.mustStart(name))
	}
	for _, n := range s.alive {
		s.until(n.cfg.NodeID+" sees the right voters", func() bool { return s.wellOff(n) })
	}
	s.leaderNow(s.alive...)
}

// wellOff reports whether all that live vote as n sees it, or five of them, and nobody
// else, but for one that makes their number odd: it does no harm.
func (s *succession) wellOff(n *node) bool {
	living, lost := 0, 0
	for _, m := range n.Members() {
		if m.Role != cluster.Voter {
			continue
		}
		if slices.ContainsFunc(s.alive, func(o *node) bool { return o.cfg.NodeID == m.ID }) {
			living++
		} else {
			lost++
		}
	}
	return living == min(5, len(s.alive)) && (lost == 0 || lost == 1 && living%2 == 0)
}

// someDie kills at once as many nodes as voters may die, or fewer.
func (s *succession) someDie() {
	var dying sync.WaitGroup
	for range 1 + s.random.IntN((min(5, s.seats)-1)/2) {
		n := s.take()
		s.vacant = append(s.vacant, n.cfg.NodeID)
		dying.Go(n.kill)
	}
	dying.Wait()
}

func (s *succession) oneLeaves() { s.take().close(s.t) }

// oneIsCutOff has a node die that the others could not reach any more, but that may
// have come back before.
func (s *succession) oneIsCutOff() {
	n := s.take()
	defer n.kill()
	s.net.Partition([]string{n.cfg.NodeID})
	s.leaderNow(s.alive...)
	if s.random.IntN(2) == 0 {
		s.refill()
	}
	s.net.Heal()
}

// take chooses a node, which is nobody's any more.
func (s *succession) take() *node {
	i := s.random.IntN(len(s.alive))
	n := s.alive[i]
	s.alive = slices.Delete(s.alive, i, i+1)
	delete(s.nodes, n.cfg.NodeID)
	s.seeds.mu.Lock()
	delete(s.seeds.addrs, n.cfg.NodeID)
	s.seeds.mu.Unlock()
	return n
}
