package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestADeadVoterNeverRaisesWhatTheLivingNeed lets planVoters look after a simulated
// cluster of up to nine nodes that die, restart, pause, are cut off from raft, leave and
// join at random, between passes and in the middle of one. Raft is simulated by its two
// rules: there is a leader if a majority of the voters is up, and a change counts once
// a majority of the new voters is up; it fails the test if it is not.
//
// What must hold: let seats be the number of voters when last none of them was lost
// (as the leader sees it). As long as a majority of the seats is up, there is a leader.
// That is what a cluster of so many nodes promises whose dead are replaced by hand and
// at once, so nobody could have done better without counting on nodes that are gone.
// And once things have settled, all nodes that are up vote, or five of them, and a
// voter that is lost has its seat only if nobody could take it.
func TestADeadVoterNeverRaisesWhatTheLivingNeed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := newModelCluster(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"a node dies":        m.dies,
			"a node pauses":      m.pauses,
			"a node restarts":    m.restarts,
			"raft is cut off":    m.cutOff,
			"a node recovers":    m.recovers,
			"a node joins":       m.joins,
			"a node leaves":      m.leaves,
			"gossip notices":     m.gossipNotices,
			"ten seconds pass":   func(*rapid.T) { m.now = m.now.Add(10 * time.Second) },
			"three days pass":    m.threeDays,
			"the leader looks":   func(rt *rapid.T) { m.pass(rt, true) },
			"everything settles": m.settles,
			"seats are refilled": m.refilled,
			"":                   m.check,
		})
	})
}

type modelNode struct {
	id, nodeID                 string
	dead, paused, cut, leaving bool
	status                     Status // as gossip has it
	since, silentSince         time.Time
}

// up tells whether raft reaches it.
func (n *modelNode) up() bool { return !n.dead && !n.paused && !n.cut }

type modelCluster struct {
	rules   Timings
	now     time.Time
	nodes   []*modelNode
	servers []server
	leader  string
	seats   int
	calm    bool // no voter was lost when the pass was planned
	names   int
}

func newModelCluster(rt *rapid.T) *modelCluster {
	m := &modelCluster{rules: DefaultTimings(), now: time.Unix(1_000_000, 0), seats: 1}
	m.start()
	m.leader = m.nodes[0].id
	m.servers = []server{{id: m.leader, addr: m.leader, voter: true}}
	for range rapid.IntRange(2, 8).Draw(rt, "others") {
		m.start()
	}
	m.settles(rt)
	return m
}

func (m *modelCluster) start() { m.startAs(fmt.Sprint("n", m.names)) }

// startAs starts a node without a disk, so with a raft id of its own each time.
func (m *modelCluster) startAs(nodeID string) {
	m.names++
	m.nodes = append(m.nodes, &modelNode{
		id: fmt.Sprintf("%s.%d", nodeID, m.names), nodeID: nodeID, status: Alive, since: m.now,
	})
}

func (m *modelCluster) node(id string) *modelNode {
	for _, n := range m.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

func (m *modelCluster) isVoter(id string) bool {
	return slices.Contains(m.servers, server{id: id, addr: id, voter: true})
}

func (m *modelCluster) voters() (all, up int) {
	for _, s := range m.servers {
		if s.voter {
			all++
			if n := m.node(s.id); n != nil && n.up() {
				up++
			}
		}
	}
	return all, up
}

// victim is a node that may be lost: no voter, or a majority of the seats is up
// without it.
func (m *modelCluster) victim(rt *rapid.T) *modelNode {
	_, up := m.voters()
	var able []*modelNode
	for _, n := range m.nodes {
		if n.up() && !n.leaving && (!m.isVoter(n.id) || up-1 >= quorum(m.seats)) {
			able = append(able, n)
		}
	}
	if len(able) == 0 {
		return nil
	}
	return rapid.SampledFrom(able).Draw(rt, "victim")
}

func (m *modelCluster) lose(rt *rapid.T, how func(*modelNode)) {
	if n := m.victim(rt); n != nil {
		how(n)
		n.silentSince = m.now
		m.elect()
	}
}

func (m *modelCluster) dies(rt *rapid.T)   { m.lose(rt, func(n *modelNode) { n.dead = true }) }
func (m *modelCluster) pauses(rt *rapid.T) { m.lose(rt, func(n *modelNode) { n.paused = true }) }
func (m *modelCluster) cutOff(rt *rapid.T) { m.lose(rt, func(n *modelNode) { n.cut = true }) }

func (m *modelCluster) restarts(rt *rapid.T) {
	m.lose(rt, func(n *modelNode) {
		n.dead = true
		m.startAs(n.nodeID)
	})
}

func (m *modelCluster) recovers(rt *rapid.T) {
	for _, n := range m.nodes {
		if (n.paused || n.cut) && rapid.Bool().Draw(rt, "recovers") {
			n.paused, n.cut = false, false
		}
	}
}

func (m *modelCluster) joins(*rapid.T) {
	running := 0
	for _, n := range m.nodes {
		if !n.dead {
			running++
		}
	}
	if running < 9 {
		m.start()
	}
}

// leaves is a polite end: the leader has handed over, and the node goes on to answer
// until it is no server any more.
func (m *modelCluster) leaves(rt *rapid.T) {
	var able []*modelNode
	for _, n := range m.nodes {
		if n.up() && n.id != m.leader {
			able = append(able, n)
		}
	}
	if len(able) > 0 {
		n := rapid.SampledFrom(able).Draw(rt, "leaver")
		n.leaving = true
		m.gossipNotices(rt)
		m.now = m.now.Add(m.rules.SilentAfter)
		for range 3 {
			m.pass(rt, false)
		}
		if m.isVoter(n.id) {
			rt.Fatalf("%s waits to be removed; voters %v", n.id, m.servers)
		}
		n.dead, n.status, n.since = true, Left, m.now
	}
}

func (m *modelCluster) threeDays(*rapid.T) { m.now = m.now.Add(73 * time.Hour) }

// elect keeps the leader, or makes any voter leader that is up, if they are enough.
func (m *modelCluster) elect() {
	all, up := m.voters()
	if up < quorum(all) {
		m.leader = ""
		return
	}
	if n := m.node(m.leader); n != nil && n.up() && m.isVoter(m.leader) {
		return
	}
	for _, s := range m.servers {
		if n := m.node(s.id); s.voter && n != nil && n.up() && !n.leaving {
			m.leader = s.id
			return
		}
	}
}

func (m *modelCluster) gossipNotices(*rapid.T) {
	for _, n := range m.nodes {
		status := Alive
		switch {
		case n.leaving:
			status = Left
		case n.dead || n.paused:
			status = Dead
		}
		if n.status != status {
			n.status, n.since = status, m.now
		}
	}
	m.countSeats()
}

// peers is what the leader knows.
func (m *modelCluster) peers() (peers []peer) {
	for _, n := range m.nodes {
		p := peer{raftID: n.id, nodeID: n.nodeID, addr: n.id, status: n.status, since: n.since, answers: n.up(), caughtUp: n.up()}
		if n.leaving {
			p.status = Left
		}
		if !n.up() {
			p.silent = m.now.Sub(n.silentSince)
		}
		peers = append(peers, p)
	}
	return peers
}

func (m *modelCluster) lostVoters() int {
	p := newPlan(m.servers, m.peers(), m.leader, m.now, m.rules)
	return p.voters() - p.living()
}

func (m *modelCluster) countSeats() {
	if m.lostVoters() == 0 {
		m.seats, _ = m.voters()
	}
}

// pass is what the leader does once. In the middle one more node may be lost, except
// while there are fewer than three voters: raft's changes are one by one.
func (m *modelCluster) pass(rt *rapid.T, trouble bool) (changes []change) {
	before, _ := m.voters()
	m.calm = m.lostVoters() == 0
	changes, _ = planVoters(m.servers, m.peers(), m.leader, m.now, m.rules)
	m.boundRemovals(rt, changes, before)
	m.mustNotShrink(rt, changes, before)
	at := -1
	if trouble && before >= 3 {
		at = rapid.IntRange(0, 2*len(changes)).Draw(rt, "trouble before change")
	}
	for i, ch := range changes {
		if i == at {
			m.dies(rt)
		}
		m.apply(rt, ch)
	}
	return changes
}

// boundRemovals: who left counts like the others, but one may always go.
func (m *modelCluster) boundRemovals(rt *rapid.T, changes []change, voters int) {
	removed := 0
	for _, ch := range changes {
		if m.isVoter(ch.id) && (ch.kind == remove || ch.kind == demote) {
			removed++
		}
	}
	if removed > max(1, (voters-1)/2) {
		rt.Fatalf("%d of %d voters removed in one pass: %v", removed, voters, changes)
	}
}

// mustNotShrink: gossip may be wrong about who is dead, so a lost voter loses its seat
// to another, or where it only costs; unless it will not come back, or somebody leaves.
func (m *modelCluster) mustNotShrink(rt *rapid.T, changes []change, voters int) {
	peers := m.peers()
	if slices.ContainsFunc(peers, func(p peer) bool { return p.status == Left && m.isVoter(p.raftID) }) {
		return
	}
	for i, ch := range changes {
		at := slices.IndexFunc(peers, func(p peer) bool { return p.raftID == ch.id })
		switch {
		case ch.kind == promote:
			voters++
		case ch.kind == add || !m.isVoter(ch.id):
		case voters%2 == 0 || replaced(peers[at], peers) || m.now.Sub(peers[at].since) >= m.rules.RemoveAfter:
			voters--
		case i+1 == len(changes) || changes[i+1].kind != promote:
			rt.Fatalf("%s lost its seat to nobody: %v of %v", ch.id, changes, m.servers)
		default:
			voters--
		}
	}
}

// apply commits a change, which needs a majority of the voters there will be.
func (m *modelCluster) apply(rt *rapid.T, ch change) {
	was := slices.Clone(m.servers)
	i := slices.IndexFunc(m.servers, func(s server) bool { return s.id == ch.id })
	switch ch.kind {
	case add:
		m.servers = append(m.servers, ch.server)
	case remove:
		m.servers = slices.Delete(m.servers, i, i+1)
	case promote, demote:
		m.servers[i].voter = ch.kind == promote
	}
	if all, up := m.voters(); up < quorum(all) {
		rt.Fatalf("change %v of %v cannot be committed: %d of %d voters are up, seats %d", ch, was, up, all, m.seats)
	}
	if m.calm && ch.kind == promote {
		m.seats, _ = m.voters()
	}
	m.elect()
	m.countSeats()
	m.check(rt)
}

// settles lets gossip and the leader come to rest.
func (m *modelCluster) settles(rt *rapid.T) {
	m.gossipNotices(rt)
	m.now = m.now.Add(m.rules.SilentAfter)
	for passes := 0; len(m.pass(rt, false)) > 0; passes++ {
		if passes > 20 {
			rt.Fatalf("the voters never come to rest: %v", m.servers)
		}
		m.now = m.now.Add(m.rules.PromoteAfter)
	}
	m.countSeats()
	m.mustBeFull(rt)
}

func (m *modelCluster) mustBeFull(rt *rapid.T) {
	nodes := 0
	for _, n := range m.nodes {
		if n.up() && !n.leaving {
			nodes++
		}
	}
	all, up := m.voters()
	lost := m.lostVoters()
	if up != min(nodes, m.rules.MaxVoters) {
		rt.Fatalf("%d voters are up, want %d: %v", up, min(nodes, m.rules.MaxVoters), m.servers)
	}
	if lost > 0 && all%2 == 0 && all > 2 {
		rt.Fatalf("%d of %d voters are lost: one seat only costs", lost, all)
	}
}

// refilled loses as many voters at once as the cluster bears, starts as many nodes,
// and finds it as it was.
func (m *modelCluster) refilled(rt *rapid.T) {
	m.settles(rt)
	before, up := m.voters()
	for range up - quorum(before) {
		m.dies(rt)
		m.joins(rt)
	}
	m.settles(rt)
	m.check(rt)
}

func (m *modelCluster) check(rt *rapid.T) {
	all, up := m.voters()
	if up >= quorum(m.seats) && m.leader == "" {
		rt.Fatalf("%d of %d seats are up and nobody leads: voters %v", up, m.seats, m.servers)
	}
	if m.lostVoters() > 0 && all > m.seats {
		rt.Fatalf("with %d lost there are %d voters for %d seats", m.lostVoters(), all, m.seats)
	}
}
