package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/buntime/keyval/internal/sleep"
)

// The causes with which a job's context ends.
var (
	// ErrLeadershipLost: raft has elected another leader, or this node has lost its
	// quorum.
	ErrLeadershipLost = errors.New("leadership lost")
	// ErrFenced: a later epoch was found in the database. This node takes a new one
	// if raft still calls it leader.
	ErrFenced = errors.New("a later epoch has been taken")
	// ErrClosed: the cluster is being closed.
	ErrClosed = errors.New("cluster closed")
)

// reign is one stretch of leadership, as raft reports it.
type reign struct {
	ctx context.Context
	end context.CancelCauseFunc
}

// followNotifications turns raft's notifications into reigns. It keeps only the
// newest: a reign that ended before it began is never seen by the lead loop, and
// raft never waits for a job.
func (e *election) followNotifications() {
	var current *reign
	for {
		select {
		case <-e.ctx.Done():
			return
		case leads := <-e.notify:
			if current != nil {
				current.end(ErrLeadershipLost)
				current = nil
			}
			if !leads {
				continue
			}
			current = &reign{}
			current.ctx, current.end = context.WithCancelCause(e.leadCtx)
			select {
			case <-e.reigns:
			default:
			}
			e.reigns <- current
		}
	}
}

// leadLoop runs one reign after the other, each to its end.
func (e *election) leadLoop() {
	for {
		select {
		case <-e.leadCtx.Done():
			return
		case r := <-e.reigns:
			e.lead(r.ctx)
			r.end(ErrLeadershipLost)
		}
	}
}

// lead is one reign: confirm it, tidy the voters, and run the job under an epoch
// until the reign ends.
func (e *election) lead(ctx context.Context) {
	term, err := e.confirm(ctx)
	if err != nil {
		return
	}
	e.c.log.Info("this node leads", "term", term)
	e.confirmed.Store(true)
	signal(e.ledOnce)
	var aside sync.WaitGroup
	aside.Go(func() { e.heartbeatLoop(ctx) })
	aside.Go(func() { e.reconcileLoop(ctx) })
	for ctx.Err() == nil {
		if epoch, err := e.takeEpoch(ctx); err == nil {
			e.serve(ctx, epoch)
		}
	}
	e.confirmed.Store(false)
	aside.Wait()
	e.c.log.Info("this node leads no more", "term", term, "cause", context.Cause(ctx))
}

// confirm writes a marker and waits until it is applied: then this node has all
// that earlier leaders committed, and knows its own term, which CurrentTerm would
// not tell a leader that has just been deposed.
func (e *election) confirm(ctx context.Context) (term uint64, err error) {
	p, err := json.Marshal(marker{Node: e.c.cfg.NodeID, Boot: e.c.cfg.BootID})
	if err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		future := e.raft.Apply(p, e.c.cfg.Timings.RaftTimeout)
		if err = future.Error(); err == nil {
			if m, ok := future.Response().(marker); ok {
				return m.Term, nil
			}
			return 0, fmt.Errorf("unexpected answer of the state machine: %v", future.Response())
		}
		if !errors.Is(err, raft.ErrEnqueueTimeout) {
			sleep.For(ctx, e.c.cfg.Timings.Heartbeat/10) // a notification is on its way
		}
	}
	return 0, context.Cause(ctx)
}

// takeEpoch asks the database until it answers or the reign ends.
func (e *election) takeEpoch(ctx context.Context) (uint64, error) {
	wait := 50 * time.Millisecond
	for {
		epoch, err := e.c.cfg.Epochs.TakeEpoch(ctx, e.c.cfg.NodeID)
		if err == nil && ctx.Err() == nil {
			return epoch, nil
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		e.c.complain("cannot take the leader's epoch; trying again", "error", err)
		sleep.For(ctx, jitter(wait))
		wait = min(2*wait, 2*time.Second)
	}
}

// serve runs the job under epoch until the reign ends or the epoch is fenced, and
// returns when the job has returned.
func (e *election) serve(ctx context.Context, epoch uint64) {
	jobCtx, end := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer e.c.leads.Store(0)
	defer end(ErrLeadershipLost)
	e.c.leads.Store(epoch)
	e.c.bells.sawEpoch(epoch)
	e.c.log.Info("leader's work begins", "epoch", epoch)
	work.Go(func() { e.c.cfg.Lead(jobCtx, epoch) })
	work.Go(func() { e.c.bells.beatLoop(jobCtx, func() uint64 { return epoch }) })
	for {
		select {
		case <-ctx.Done():
			// ctx is done a moment before its children are: say why first.
			end(context.Cause(ctx))
			return
		case fenced := <-e.fenced:
			if fenced != epoch {
				continue
			}
			end(ErrFenced)
			e.c.log.Warn("a later epoch was found in the database", "epoch", epoch)
			if e.raft.VerifyLeader().Error() != nil {
				sleep.For(ctx, e.c.cfg.Timings.Heartbeat) // raft is about to say so
			}
			return
		}
	}
}

// Fenced is called by a job when a statement conditional on its epoch was refused.
// If raft still calls this node leader, the job is ended with ErrFenced and started
// again under a new epoch: another node may have taken one late. An epoch that is
// no longer this node's is ignored. Fenced does not block.
func (c *Cluster) Fenced(epoch uint64) {
	if epoch == 0 || c.leads.Load() != epoch {
		return
	}
	c.stats.fenced.Add(1)
	if e := c.election(); e != nil {
		select {
		case e.fenced <- epoch:
		default: // one report is enough
		}
	}
}

// IsLeader reports whether this node leads under an epoch of its own. Like all
// knowledge of leadership it may be out of date when it is used; only the epoch in a
// statement is proof.
func (c *Cluster) IsLeader() bool { return c.leads.Load() != 0 }

// Epoch is the highest epoch that this node has taken or heard of; 0 if none.
func (c *Cluster) Epoch() uint64 {
	c.bells.mu.Lock()
	defer c.bells.mu.Unlock()
	return c.bells.epoch
}

// Leader is the member that leads, as far as this node knows.
func (c *Cluster) Leader() (Member, bool) {
	for _, m := range c.Members() {
		if m.Leader {
			return m, true
		}
	}
	return Member{}, false
}

// leaderRaftID asks raft first; members that raft does not reach hear the leader's
// doorbell.
func (c *Cluster) leaderRaftID() string {
	if e := c.election(); e != nil {
		if _, id := e.raft.LeaderWithID(); id != "" {
			return string(id)
		}
	}
	name := c.bells.lastLeader()
	for _, r := range c.dir.snapshot() {
		if r.name == name && r.status == Alive {
			return r.raftID()
		}
	}
	return ""
}

// roles tells each server's role by its raft id.
func (c *Cluster) roles() map[string]Role {
	e := c.election()
	if e == nil {
		return nil
	}
	roles := map[string]Role{}
	for _, s := range e.servers() {
		roles[s.id] = Nonvoter
		if s.voter {
			roles[s.id] = Voter
		}
	}
	return roles
}

// handOver ends this node's reigns and gives raft's leadership to another voter, if this
// node has it: three tries.
func (e *election) handOver() {
	e.endReigns(ErrClosed)
	for range 3 {
		if e.raft.State() != raft.Leader || !e.hasHeir() {
			return
		}
		err := e.raft.LeadershipTransfer().Error()
		if err == nil {
			return
		}
		e.c.complain("cannot hand leadership over", "error", err)
		sleep.For(e.ctx, e.c.cfg.Timings.HandOver)
	}
}

// hasHeir reports whether another voter is alive.
func (e *election) hasHeir() bool {
	alive := map[string]bool{}
	for _, r := range e.c.dir.others() {
		alive[r.raftID()] = !r.meta.Leaving
	}
	for _, s := range e.servers() {
		if s.voter && alive[s.id] {
			return true
		}
	}
	return false
}

// waitRemoved gives the leader a moment to take this node out of the voters while
// raft still runs here, so that a cluster of two does not lose its quorum.
func (e *election) waitRemoved(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.c.cfg.Timings.LeaveWait)
	defer cancel()
	own := e.c.cfg.raftID()
	for ctx.Err() == nil && e.hasHeir() {
		voter := false
		for _, s := range e.servers() {
			voter = voter || (s.id == own && s.voter)
		}
		if !voter {
			return
		}
		sleep.For(ctx, 5*time.Millisecond)
	}
}
