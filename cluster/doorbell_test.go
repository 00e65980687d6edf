package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	metrics := map[string]*prometheus.Registry{"a": prometheus.NewRegistry(), "b": prometheus.NewRegistry(), "c": prometheus.NewRegistry()}
	a, b, c := w.three(func(cfg *cluster.Config) { cfg.Registerer = metrics[cfg.NodeID] })
	nodes := []*node{a, b, c}
	w.net.SetPackets(faultnet.Packets{Drop: 0.3, Duplicate: 0.3, Delay: 30 * time.Millisecond})
	const last = 300
	sent := func(n *node) float64 { return gauges(t, metrics[n.cfg.NodeID])["keyval_cluster_doorbells_total/sent"] }
	for p := 0; p <= last; p++ {
		n := nodes[p%len(nodes)]
		before := sent(n)
		n.Ring(cluster.Doorbell{Position: position(p), Queues: []string{fmt.Sprint("q", p%7)}})
		w.until("it is sent and not merged with the next", func() bool { return sent(n) > before })
	}
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
	// The last can only hear from another. Each picks at random whom it tells, and at
	// times nobody picks the last: it is rung until all have heard.
	w.net.Lose("n0", "n5")
	rings := 0
	w.until("all have heard", func() bool {
		rings++
		nodes[0].Ring(cluster.Doorbell{Position: position(rings), Queues: []string{"mail"}})
		return count(nodes[1:], func(n *node) bool { return n.rung.heard("mail") }) == len(nodes)-1
	})
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
