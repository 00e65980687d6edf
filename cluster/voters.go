package cluster

import (
	"slices"
	"time"
)

// server is one entry of raft's configuration.
type server struct {
	id, addr string
	voter    bool
}

// peer is what gossip knows of a raft id, as far as voters are concerned, and how
// the leader's raft fares with it.
type peer struct {
	raftID, nodeID, addr string
	status               Status // Alive, Dead or Left; Left also while leaving
	since                time.Time
	answers, caughtUp    bool          // it answers raft now; it has what is committed
	silent               time.Duration // since it last answered raft
	err                  error         // of the last call
}

// changeKind says what to do with a server.
type changeKind int

const (
	remove  changeKind = iota + 1
	add                // as a non-voter
	promote            // to voter
	demote             // to non-voter
)

// change is one step on the way to the right voters.
type change struct {
	kind changeKind
	server
}

// planVoters decides what to change, given what raft is configured to, and what
// gossip and raft know. It is called again after its changes have been made; again
// is when that would be useful without news (0: only when something changes).
//
//   - Who left is removed at once, one voter at least and at most a minority.
//   - Who was replaced (another start of the same node, or another node on the same
//     address, is alive) or has been dead for RemoveAfter is removed.
//   - The living are added as non-voters. Those that answer raft are made voters, the
//     longest living first, while fewer than MaxVoters live: after PromoteAfter, or at
//     once while there are fewer than three voters, the second and third together.
//   - Each of them takes the seat of a lost voter, if there is one: dead, or without
//     an answer to raft for SilentAfter. A lost voter also goes when the voters are
//     even in number, and before one that leaves, if those that stay need it.
//   - No node has two votes, though its last start may not be known to be dead.
//   - No more than (voters−1)/2 go for such reasons together.
//   - The address that raft was told first stays: see addressBook.
//
// Why that never costs a quorum is under "Voters" in DESIGN.md.
func planVoters(servers []server, peers []peer, self string, now time.Time, t Timings) (changes []change, again time.Duration) {
	p := newPlan(servers, peers, self, now, t)
	for _, s := range servers {
		p.dismiss(s)
	}
	p.admit()
	p.promoteRising()
	p.trim()
	return p.changes, p.again
}

// plan is a configuration and the changes that led to it.
type plan struct {
	self  string
	now   time.Time
	t     Timings
	peers []peer
	byID  map[string]peer

	servers  []server
	mayLeave int // how many voters may still be removed because they left,
	mayGo    int // and for another reason

	changes []change
	again   time.Duration
}

func newPlan(servers []server, peers []peer, self string, now time.Time, t Timings) *plan {
	p := &plan{self: self, now: now, t: t, peers: peers, byID: map[string]peer{}, servers: slices.Clone(servers)}
	for _, o := range peers {
		p.byID[o.raftID] = o
	}
	p.mayGo = (p.voters() - 1) / 2
	p.mayLeave = max(1, p.mayGo)
	return p
}

// quorum is how many of voters must agree.
func quorum(voters int) int { return voters/2 + 1 }

// count is how many voters are as match says.
func (p *plan) count(match func(server) bool) (n int) {
	for _, s := range p.servers {
		if s.voter && match(s) {
			n++
		}
	}
	return n
}

func (p *plan) voters() int    { return p.count(func(server) bool { return true }) }
func (p *plan) living() int    { return p.count(func(s server) bool { return !p.isLost(s) }) }
func (p *plan) answering() int { return p.count(p.answers) }

func (p *plan) answers(s server) bool { return s.id == p.self || p.byID[s.id].answers }

// isLost reports whether a voter is of no use: gossip calls it dead and raft does not
// contradict, or raft has not reached it for long, whatever gossip says. Of whom
// gossip knows nothing that cannot be said.
func (p *plan) isLost(s server) bool {
	o, known := p.byID[s.id]
	return known && !p.answers(s) && (o.status != Alive || o.silent >= p.t.SilentAfter)
}

// lost is the voter whose seat is to be taken first: the longest dead one, or one
// that is alive without an answer.
func (p *plan) lost() (longest server, ok bool) {
	before := func(a, b peer) bool {
		if (a.status == Alive) != (b.status == Alive) {
			return b.status == Alive
		}
		return a.since.Before(b.since)
	}
	for _, s := range p.servers {
		if s.voter && p.isLost(s) && (!ok || before(p.byID[s.id], p.byID[longest.id])) {
			longest, ok = s, true
		}
	}
	return longest, ok
}

// dismiss removes s if it has no claim to its seat, whoever takes it.
func (p *plan) dismiss(s server) {
	o, known := p.byID[s.id]
	switch {
	case s.id == p.self || !known || !p.isServer(s.id):
	case o.status == Left && s.voter:
		p.letGo(s)
	case o.status == Left:
		p.remove(s)
	case replaced(o, p.peers) || (o.status == Dead && p.now.Sub(o.since) >= p.t.RemoveAfter && !o.answers):
		if !s.voter || p.mayGo > 0 {
			p.remove(s)
		}
	}
}

// letGo removes a voter that leaves. Mostly it still answers, and those that stay must
// be a quorum without it: so the lost go first.
func (p *plan) letGo(s server) {
	for p.mayLeave > 0 && p.voters() > 1 {
		stay := p.count(func(o server) bool { return o.id != s.id && p.answers(o) })
		if p.isLost(s) || stay >= quorum(p.voters()-1) {
			p.remove(s)
			return
		}
		lost, ok := p.lost()
		if !ok || p.mayGo == 0 {
			break
		}
		p.remove(lost)
	}
	if p.voters() > 1 {
		p.again = soonest(p.again, p.t.LeaveWait/10)
	}
}

func (p *plan) isServer(id string) bool {
	return slices.ContainsFunc(p.servers, func(s server) bool { return s.id == id })
}

// remove takes s out, or only its vote if it is alive.
func (p *plan) remove(s server) {
	i := slices.Index(p.servers, s)
	if s.voter {
		p.mayLeave, p.mayGo = max(p.mayLeave-1, 0), max(p.mayGo-1, 0)
	}
	if p.byID[s.id].status == Alive {
		p.servers[i].voter = false
		p.changes = append(p.changes, change{demote, p.servers[i]})
		return
	}
	p.servers = slices.Delete(p.servers, i, i+1)
	p.changes = append(p.changes, change{remove, s})
}

// admit adds the living as non-voters.
func (p *plan) admit() {
	for _, o := range p.peers {
		if !p.isServer(o.raftID) && o.status == Alive {
			p.changes = append(p.changes, change{add, server{id: o.raftID, addr: o.addr}})
			p.again = soonest(p.again, p.t.PromoteAfter)
		}
	}
}

// rising are the non-voters that could vote, the longest living first.
func (p *plan) rising() (rising []peer) {
	for _, s := range p.servers {
		if o := p.byID[s.id]; !s.voter && o.status == Alive && o.answers && o.caughtUp && !p.hasSeat(o.nodeID) {
			rising = append(rising, o)
		}
	}
	slices.SortStableFunc(rising, func(a, b peer) int { return a.since.Compare(b.since) })
	return rising
}

// hasSeat reports whether a node has a vote already: its last start's, of which gossip
// does not know yet that it has ended.
func (p *plan) hasSeat(nodeID string) bool {
	return p.count(func(s server) bool { return p.byID[s.id].nodeID == nodeID }) > 0
}

// promoteRising gives votes while there are seats.
func (p *plan) promoteRising() {
	rising := p.rising()
	for i, o := range rising {
		if p.living() >= p.t.MaxVoters {
			return
		}
		forming := p.voters() == 2 || (p.voters() == 1 && i+1 < len(rising))
		if wait := p.t.PromoteAfter - p.now.Sub(o.since); wait > 0 && !forming {
			p.again = soonest(p.again, wait)
		} else if p.makeRoom() {
			p.promote(o.raftID)
		}
	}
}

// makeRoom reports whether the voters can bear one more, and frees a lost voter's
// seat for it first: then the votes that are needed are never more than before. If
// they will be more, those that answer must be enough without the new one. Only the
// second voter of all is needed at once.
func (p *plan) makeRoom() bool {
	lost, ok := p.lost()
	if !ok {
		return p.voters() == 1 || p.answering() >= quorum(p.voters()+1)
	}
	if p.mayGo == 0 || p.answering() < quorum(p.voters()) {
		return false
	}
	p.remove(lost)
	return true
}

func (p *plan) promote(id string) {
	i := slices.IndexFunc(p.servers, func(s server) bool { return s.id == id })
	p.servers[i].voter = true
	p.changes = append(p.changes, change{promote, p.servers[i]})
}

// trim takes a vote away that only costs: a lost voter's that makes their number even,
// or a living one's that is one too many, after two leaders gave away the same seat.
func (p *plan) trim() {
	lost, ok := p.lost()
	switch {
	case p.mayGo == 0:
	case ok && p.voters()%2 == 0:
		p.remove(lost)
	case p.living() > p.t.MaxVoters:
		p.remove(p.youngest())
	}
}

// youngest is the living voter that has been alive for the shortest time, if it is
// not this node.
func (p *plan) youngest() (youngest server) {
	for _, s := range p.servers {
		if s.voter && s.id != p.self && p.byID[s.id].status == Alive && !p.byID[s.id].since.Before(p.byID[youngest.id].since) {
			youngest = s
		}
	}
	return youngest
}

// replaced reports whether a living peer has taken p's node id or address.
func replaced(p peer, peers []peer) bool {
	return p.status != Alive && slices.ContainsFunc(peers, func(o peer) bool {
		return o.status == Alive && o.raftID != p.raftID && (o.nodeID == p.nodeID || o.addr == p.addr)
	})
}

// soonest is the smaller of both, where 0 is never.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}
