package cluster_test

import (
	"net"
	"testing"
	"time"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/internal/faultnet"
)

func TestADeadVotersSeatGoesToItsReplacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	a.kill()
	d := w.mustStart("d")
	w.waitSeats(b, c, d)
	b.kill()
	e := w.mustStart("e")
	w.waitSeats(c, d, e)
	w.leader(c, d, e)
}

func TestTwoDeadOfFiveAreReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	d, e := w.mustStart("d"), w.mustStart("e")
	w.waitSeats(a, b, c, d, e)
	a.kill()
	d.kill()
	f, g := w.mustStart("f"), w.mustStart("g")
	w.waitSeats(b, c, e, f, g)
	b.kill()
	f.kill()
	w.leader(c, e, g)
}

func TestADeadVoterWithoutAReplacementKeepsItsSeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	a.kill()
	w.leader(b, c)
	w.until("both know that it is dead", func() bool {
		return b.status("a") == cluster.Dead && c.status("a") == cluster.Dead
	})
	w.leader(b, c)
	w.waitVoters(3, b, c)
}

func TestTheFounderMayDieAsSoonAsThreeNodesHaveMet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	founder, followers := w.led(slowly)
	founder.kill()
	w.leader(followers...)
}

// slowly makes whoever has to wait for its vote wait too long for the test.
func slowly(cfg *cluster.Config) { cfg.Timings.PromoteAfter = time.Hour }

func TestASecondNodeWaitsForItsVoteAThirdDoesNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.mustStart("a", slowly), w.mustStart("b", slowly)
	w.until("b is a non-voter", func() bool { return a.role("b") == cluster.Nonvoter })
	w.waitVoters(1, a, b)
	c := w.mustStart("c", slowly)
	w.waitVoters(3, a, b, c)
}

func TestNodesWithoutTLSBesideNodesWithItGetNoVote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours := newAuthority(t)
	secure := func(cfg *cluster.Config) { cfg.RaftTLS = always(ours.mutual()) }
	a, b, c := w.three(secure)
	d, e := w.mustStart("d"), w.mustStart("e")
	leader := w.leader(a, b, c)
	for _, n := range []*node{d, e} {
		w.until("the leader says that it does not answer", func() bool {
			return leader.logs.count("does not answer raft") > 0 && leader.logs.count("raft-tls-cert") > 0
		})
		w.until("it says itself that it was called with TLS", func() bool {
			return n.logs.count("a raft connection with TLS was refused") > 0
		})
	}
	w.waitVoters(3, a, b, c)
	leader.kill()
	rest := w.others(leader, a, b, c)
	w.leader(rest...)
	w.waitVoters(3, rest...)
}

func TestANodeWithTLSBesideNodesWithoutItGetsNoVote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	d := w.mustStart("d", func(cfg *cluster.Config) { cfg.RaftTLS = always(newAuthority(t).mutual()) })
	leader := w.leader(a, b, c)
	w.until("the leader says that it does not answer", func() bool { return leader.logs.count("does not answer raft") > 0 })
	w.until("it says that it was called without TLS", func() bool {
		return d.logs.count("a raft connection without TLS was refused") > 0
	})
	w.waitVoters(3, a, b, c)
}

// walled puts the listener that a node opens second, raft's, behind a firewall.
type walled struct {
	*faultnet.Host
	net     *faultnet.Net
	gossips bool
}

func (n *walled) Listen(addr string) (net.Listener, error) {
	l, err := n.Host.Listen(addr)
	if err == nil && n.gossips {
		n.net.Firewall(l.Addr().String())
	}
	n.gossips = true
	return l, err
}

func TestNodesWhoseRaftPortIsClosedGetNoVote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.three()
	closed := func(cfg *cluster.Config) { cfg.Network = &walled{Host: w.net.Host(cfg.NodeID), net: w.net} }
	d, e := w.mustStart("d", closed), w.mustStart("e", closed)
	leader := w.leader(a, b, c)
	for _, n := range []*node{d, e} {
		w.until("they are members", func() bool { return leader.role(n.cfg.NodeID) == cluster.Nonvoter })
	}
	w.until("the leader says that they do not answer", func() bool {
		return leader.logs.count("does not answer raft") >= 2
	})
	w.waitVoters(3, a, b, c)
	leader.kill()
	w.leader(w.others(leader, a, b, c)...)
}

func TestAVoterThatRaftReachesNoMoreGivesItsSeatToAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, followers := w.led()
	cut := followers[0]
	w.net.Firewall(cut.RaftAddr())
	rest := []*node{leader, followers[1], w.mustStart("d")}
	for _, n := range rest {
		w.until("the seat is another's", func() bool {
			return n.role("d") == cluster.Voter && n.role(cut.cfg.NodeID) == cluster.Nonvoter
		})
	}
	leader = w.leader(rest...)
	leader.kill()
	w.leader(w.others(leader, rest...)...)
}

// waitSeats waits until each of nodes sees exactly them as voters.
func (w *world) waitSeats(nodes ...*node) {
	w.t.Helper()
	for _, n := range nodes {
		w.until(n.cfg.NodeID+" sees the voters that there should be", func() bool {
			for _, o := range nodes {
				if n.role(o.cfg.NodeID) != cluster.Voter {
					return false
				}
			}
			return n.count(cluster.Voter) == len(nodes)
		})
	}
}
