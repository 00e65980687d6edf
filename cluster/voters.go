package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// server is one entry of raft's configuration.
type server struct {
	id, addr string
	voter    bool
}

// peer is what gossip knows of a raft id, as far as voters are concerned.
type peer struct {
	raftID, nodeID, addr string
	status               Status // Alive, Dead or Left; Left also while leaving
	since                time.Time
}

// changeKind says what to do with a server.
type changeKind int

const (
	remove  changeKind = iota + 1
	add                // as a non-voter
	promote            // to voter
)

// change is one step on the way to the right voters.
type change struct {
	kind changeKind
	server
}

// planVoters decides what to change, given what raft is configured to and what
// gossip knows. It is called again after its changes have been made; again is when
// that would be useful without news (0: only when something changes).
//
//   - Who left is removed at once, one voter at least and at most a minority.
//   - Who was replaced (another start of the same node, or another node on the same
//     address, is alive) or has been dead for RemoveAfter is removed, never more
//     than (voters−1)/2 together.
//   - The living are added as non-voters, and made voters after PromoteAfter, the
//     longest living first, while there are fewer than MaxVoters.
//   - The address that raft was told first stays: see addressBook.
func planVoters(servers []server, peers []peer, self string, now time.Time, t Timings) (changes []change, again time.Duration) {
	byID := map[string]peer{}
	for _, p := range peers {
		byID[p.raftID] = p
	}
	voters := 0
	for _, s := range servers {
		if s.voter {
			voters++
		}
	}
	left, gone := max(1, (voters-1)/2), (voters-1)/2
	kept := map[string]server{}
	for _, s := range servers {
		p, known := byID[s.id]
		budget := &gone
		switch {
		case s.id == self || !known:
			kept[s.id] = s
			continue
		case p.status == Left:
			budget = &left
		case !replaced(p, peers) && (p.status != Dead || now.Sub(p.since) < t.RemoveAfter):
			kept[s.id] = s
			continue
		}
		if s.voter && (*budget == 0 || voters == 1) {
			kept[s.id] = s
			continue
		}
		if s.voter {
			voters--
			left, gone = max(left-1, 0), max(gone-1, 0)
		}
		changes = append(changes, change{remove, s})
	}
	var rising []peer
	for _, p := range peers {
		if p.status != Alive {
			continue
		}
		s, ok := kept[p.raftID]
		if !ok {
			changes = append(changes, change{add, server{id: p.raftID, addr: p.addr}})
			again = soonest(again, t.PromoteAfter)
		} else if !s.voter {
			rising = append(rising, p)
		}
	}
	slices.SortFunc(rising, func(a, b peer) int { return a.since.Compare(b.since) })
	for _, p := range rising {
		if wait := t.PromoteAfter - now.Sub(p.since); voters < t.MaxVoters && wait > 0 {
			again = soonest(again, wait)
		} else if voters < t.MaxVoters {
			voters++
			changes = append(changes, change{promote, server{p.raftID, kept[p.raftID].addr, true}})
		}
	}
	return changes, again
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

// reconcileLoop keeps the voters right while this node leads.
func (e *election) reconcileLoop(ctx context.Context) {
	missing := map[string]time.Time{}
	for ctx.Err() == nil {
		changes, again := planVoters(e.servers(), e.peers(missing), e.c.cfg.raftID(), time.Now(), e.c.cfg.Timings)
		for _, ch := range changes {
			if err := e.apply(ctx, ch); err != nil {
				if ctx.Err() == nil {
					e.c.complain("cannot change the voters; trying again", "error", err)
				}
				again = soonest(again, e.c.cfg.Timings.Heartbeat)
				break
			}
		}
		timer := time.NewTimer(soonest(again, e.c.cfg.Timings.Reconcile))
		select {
		case <-ctx.Done():
		case <-e.c.dir.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// peers is gossip's knowledge of this founding, one entry for each raft id. Servers
// that gossip has never mentioned count as dead since this reign first missed them.
func (e *election) peers(missing map[string]time.Time) []peer {
	own := fingerprint(e.founding.ID)
	all := e.c.dir.snapshot()
	byID := map[string]*record{}
	for i := range all {
		r := &all[i]
		if best := byID[r.raftID()]; best == nil || speaksBefore(r, best) {
			byID[r.raftID()] = r
		}
	}
	var peers []peer
	for id, r := range byID {
		here := r.meta.Cluster == own && r.meta.Generation == e.founding.Generation
		if r.status == Alive && !here {
			continue // it will come over, or be refused
		}
		p := peer{raftID: id, nodeID: r.nodeID, addr: r.meta.RaftAddr, status: r.status, since: r.since}
		if r.meta.Leaving {
			p.status = Left
		}
		peers = append(peers, p)
	}
	for _, s := range e.servers() {
		if byID[s.id] != nil {
			delete(missing, s.id)
			continue
		}
		if missing[s.id].IsZero() {
			missing[s.id] = time.Now()
		}
		nodeID, _, _ := strings.Cut(s.id, ".")
		peers = append(peers, peer{raftID: s.id, nodeID: nodeID, addr: s.addr, status: Dead, since: missing[s.id]})
	}
	slices.SortFunc(peers, func(a, b peer) int { return strings.Compare(a.raftID, b.raftID) })
	return peers
}

// apply makes one change through raft.
func (e *election) apply(ctx context.Context, ch change) error {
	id, addr, timeout := raft.ServerID(ch.id), raftAddr{ch.id, ch.addr}.server(), e.c.cfg.Timings.RaftTimeout
	var (
		future raft.IndexFuture
		what   string
	)
	switch ch.kind {
	case remove:
		what, future = "removed", e.raft.RemoveServer(id, 0, timeout)
	case add:
		what, future = "added as non-voter", e.raft.AddNonvoter(id, addr, 0, timeout)
	case promote:
		what, future = "made voter", e.raft.AddVoter(id, addr, 0, timeout)
	}
	if err := future.Error(); err != nil {
		return fmt.Errorf("member %s was not %s: %w", ch.id, what, err)
	}
	e.c.log.Info("raft member "+what, "member", ch.id, "raft_addr", ch.addr)
	return context.Cause(ctx)
}
