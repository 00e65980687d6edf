package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// reconcileLoop keeps the voters right while this node leads.
func (e *election) reconcileLoop(ctx context.Context) {
	e.contacts.reset()
	missing := map[string]time.Time{}
	for ctx.Err() == nil {
		servers := e.servers()
		peers := e.peers(servers, missing)
		e.complainOfSilence(peers)
		changes, again := planVoters(servers, peers, e.c.cfg.raftID(), time.Now(), e.c.cfg.Timings)
		if err := e.applyAll(ctx, changes); err != nil && ctx.Err() == nil {
			e.c.complain("cannot change the voters; trying again", "error", err)
			again = soonest(again, e.c.cfg.Timings.Heartbeat)
		}
		e.waitForNews(ctx, soonest(again, e.c.cfg.Timings.Reconcile))
	}
}

// waitForNews waits until gossip or raft has some, but not longer than wait.
func (e *election) waitForNews(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-e.c.dir.changed:
	case <-e.contacts.news:
	case <-timer.C:
	}
}

// complainOfSilence names the living that raft does not reach: they look well in
// gossip, and their votes would be missed.
func (e *election) complainOfSilence(peers []peer) {
	for _, p := range peers {
		if p.status == Alive && !p.answers && p.silent >= e.c.cfg.Timings.PromoteAfter {
			e.c.complainAbout(p.raftID, "a living member does not answer raft, so it is no good as a voter: "+
				"check that its raft address can be reached, and that all nodes or none have raft-tls-cert",
				"member", p.raftID, "raft_addr", p.addr, "error", p.err)
		}
	}
}

// peers is what gossip and raft know of this founding, one entry for each raft id.
// Servers that gossip has never mentioned count as dead since this reign first missed
// them.
func (e *election) peers(servers []server, missing map[string]time.Time) []peer {
	peers := e.gossiped(servers, missing)
	now, committed := time.Now(), e.raft.CommitIndex()
	contacts := e.contacts.of(servers)
	for i := range peers {
		p := &peers[i]
		if ct, ok := contacts[p.raftID]; ok && p.raftID != e.c.cfg.raftID() {
			p.answers, p.caughtUp = now.Sub(ct.answered) < e.contacts.stale, ct.lastLog >= committed
			p.silent, p.err = now.Sub(ct.heard()), ct.err
		}
	}
	return peers
}

// gossiped is gossip's part of it.
func (e *election) gossiped(servers []server, missing map[string]time.Time) []peer {
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
	for _, s := range servers {
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

// applyAll makes one change after the other, and stops at the first that fails.
func (e *election) applyAll(ctx context.Context, changes []change) error {
	for _, ch := range changes {
		if err := e.apply(ctx, ch); err != nil {
			return err
		}
	}
	return nil
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
		e.raft.Barrier(timeout) // see "A vote that raft overlooks" in DESIGN.md
	case demote:
		what, future = "made non-voter", e.raft.DemoteVoter(id, 0, timeout)
	}
	if err := future.Error(); err != nil {
		return fmt.Errorf("member %s was not %s: %w", ch.id, what, err)
	}
	e.c.log.Info("raft member "+what, "member", ch.id, "raft_addr", ch.addr)
	return context.Cause(ctx)
}
