package cluster_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/internal/faultnet"
)

func position(n int) string { return fmt.Sprintf("0001%012x0000", n) }

func TestADoorbellReachesTheOthersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slowBeat := func(cfg *cluster.Config) { cfg.Timings.Beat = time.Hour }
	a, b, c := w.three(slowBeat)
	begun := time.Now()
	a.Ring(cluster.Doorbell{Position: position(1), Queues: []string{"mail"}})
	for _, n := range []*node{b, c} {
		w.until("the doorbell", func() bool { return n.rung.at(position(1), "mail") })
	}
	t.Logf("both heard after %v", time.Since(begun))
	if a.rung.at(position(1)) {
		t.Error("the node that rang heard itself")
	}
}

func TestDoorbellsSurviveLossRepetitionAndReordering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	nodes := []*node{a, b, c}
	w.net.SetPackets(faultnet.Packets{Drop: 0.3, Duplicate: 0.3, Delay: 30 * time.Millisecond})
	const last = 300
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			for p := i; p <= last; p += len(nodes) {
				n.Ring(cluster.Doorbell{Position: position(p), Queues: []string{fmt.Sprint("q", p%7)}})
				time.Sleep(time.Millisecond) // so that more than one packet is sent
			}
		})
	}
	wg.Wait()
	for _, n := range nodes {
		if n.cfg.NodeID == []string{"a", "b", "c"}[last%3] {
			continue // it rang the last one itself
		}
		w.until("the last position", func() bool { return n.rung.at(position(last)) })
	}
}

func TestManyRingsAreFewPackets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := func(cfg *cluster.Config) { cfg.Timings.Beat, cfg.Timings.Coalesce = time.Hour, 100*time.Millisecond }
	a, b, c := w.three(slow)
	begun := time.Now()
	for p := range 10_000 {
		a.Ring(cluster.Doorbell{Position: position(p)})
	}
	for _, n := range []*node{b, c} {
		w.until("the last position", func() bool { return n.rung.at(position(9_999)) })
		most := 20 + 2*int(time.Since(begun)/(100*time.Millisecond))
		n.rung.mu.Lock()
		if n.rung.calls > most {
			t.Errorf("%d deliveries of 10,000 rings, want at most %d in this time", n.rung.calls, most)
		}
		n.rung.mu.Unlock()
	}
}

func TestManyMembersPassDoorbellsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wide := func(cfg *cluster.Config) { cfg.Timings.DirectLimit, cfg.Timings.Beat = 1, time.Hour }
	var nodes []*node
	for i := range 6 {
		nodes = append(nodes, w.mustStart(fmt.Sprint("n", i), wide))
	}
	w.waitVoters(5, nodes...)
	// Gossip goes to four members at a time, so the fifth can only hear from another.
	// Each picks at random: about one time in 300 nobody picks the last. On a slow
	// machine a round may be too short.
	heard := func(round int, queue string) bool {
		return count(nodes[1:], func(n *node) bool { return n.rung.at(position(round), queue) }) == len(nodes)-1
	}
	for round := range 20 {
		queue := fmt.Sprint("mail-", round)
		nodes[0].Ring(cluster.Doorbell{Position: position(round), Queues: []string{queue}})
		for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if heard(round, queue) {
				return
			}
		}
	}
	t.Fatalf("in none of twenty rounds did all hear the doorbell\n%s", w.describe())
}

func TestANodeThatJoinsHearsTheNewestPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.mustStart("a")
	a.Ring(cluster.Doorbell{Position: position(5)})
	b := w.mustStart("b")
	w.until("the position from before it joined", func() bool { return b.rung.at(position(5)) })
}

func TestTooManyQueuesBecomeAllQueues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, _ := w.three()
	var queues []string
	for i := range 200 {
		queues = append(queues, fmt.Sprintf("%s-%d", strings.Repeat("q", 40), i))
	}
	a.Ring(cluster.Doorbell{Position: position(1), Queues: queues})
	w.until("all queues", func() bool {
		b.rung.mu.Lock()
		defer b.rung.mu.Unlock()
		return b.rung.all && b.rung.position == position(1)
	})
}

func TestMalformedDoorbellsAreNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, _ := w.three()
	a.Ring(cluster.Doorbell{Position: "zzz", Queues: []string{"", strings.Repeat("x", 65), "good"}})
	w.until("what was good of it", func() bool { return b.rung.at("", "good") })
	b.rung.mu.Lock()
	defer b.rung.mu.Unlock()
	if len(b.rung.queues) != 1 {
		t.Errorf("queues = %v, want only good", b.rung.queues)
	}
}
