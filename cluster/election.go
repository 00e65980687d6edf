package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// election is this node's part in raft within one founding.
type election struct {
	c            *Cluster
	founding     Founding
	raft         *raft.Raft
	transport    attentive
	contacts     *contacts
	bootstrapped bool // by this node, at this start

	notify  chan bool   // raft's changes; large, because raft waits for room
	reigns  chan *reign // the newest reign that has not begun; one slot
	fenced  chan uint64 // epochs that a job found fenced
	watch   chan raft.Observation
	ledOnce chan struct{} // signalled when a reign is confirmed

	confirmed  atomic.Bool  // this node's marker has been applied in this reign
	leaderless atomic.Int64 // Unix ns since when no leader is known; 0: one is

	ctx      context.Context // raft's life
	cancel   context.CancelFunc
	leadCtx  context.Context // parent of all reigns
	stopLead context.CancelCauseFunc
	wg       sync.WaitGroup // everything but the lead loop
	leadWG   sync.WaitGroup // the lead loop
}

// openElection starts raft on st. With bootstrap this node begins as the only voter,
// without it waits to be added, or goes on with what st holds.
func (c *Cluster) openElection(f Founding, st *store, bootstrap bool) (*election, error) {
	e := &election{
		c: c, founding: f, bootstrapped: bootstrap,
		notify: make(chan bool, 1024), reigns: make(chan *reign, 1), fenced: make(chan uint64, 1),
		watch: make(chan raft.Observation, 64), ledOnce: make(chan struct{}, 1),
	}
	e.leaderless.Store(time.Now().UnixNano())
	e.contacts = newContacts(2 * c.cfg.Timings.Heartbeat)
	e.transport = attentive{c.raftTransport(f), e.contacts}
	rc := c.raftConfig(e.notify)
	if bootstrap {
		if err := raft.BootstrapCluster(rc, st.logs, st.stable, st.snaps, e.transport, c.alone()); err != nil {
			_ = e.transport.Close()
			return nil, fmt.Errorf("found the cluster: %w", err)
		}
		c.log.Info("founding the cluster", "cluster", f.ID, "generation", f.Generation)
	} else if !st.hasState {
		c.log.Info("waiting to be added by the leader", "cluster", f.ID, "generation", f.Generation)
	}
	var err error
	if e.raft, err = raft.NewRaft(rc, &markerState{}, st.logs, st.stable, st.snaps, e.transport); err != nil {
		_ = e.transport.Close()
		return nil, fmt.Errorf("start raft: %w", err)
	}
	e.start()
	return e, nil
}

// alone is a configuration with this node as the only voter.
func (c *Cluster) alone() raft.Configuration {
	return raft.Configuration{Servers: []raft.Server{{
		ID: raft.ServerID(c.cfg.raftID()), Address: raftAddr{c.cfg.raftID(), c.raftAdvertise.String()}.server(),
	}}}
}

func (c *Cluster) raftTransport(f Founding) *raft.NetworkTransport {
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		ServerAddressProvider: addressBook{c.dir},
		Logger:                hclogTo(c.log, c.limiter),
		Stream:                c.port.link(f, c.raftAdvertise),
		MaxPool:               2,
		Timeout:               c.cfg.Timings.RaftTimeout,
	})
}

func (c *Cluster) raftConfig(notify chan<- bool) *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.cfg.raftID())
	rc.HeartbeatTimeout, rc.ElectionTimeout = c.cfg.Timings.Heartbeat, c.cfg.Timings.Heartbeat
	rc.LeaderLeaseTimeout = c.cfg.Timings.LeaderLease
	rc.CommitTimeout = c.cfg.Timings.Commit
	rc.ShutdownOnRemove = false
	rc.NoLegacyTelemetry = true
	rc.NotifyCh = notify
	rc.Logger = hclogTo(c.log, c.limiter)
	return rc
}

// addressBook tells raft where gossip last saw a server, which may not be where
// raft's log says: a cluster whose nodes all changed address elects again. The log
// is not corrected: raft would replace the follower's record while others read it.
type addressBook struct{ dir *directory }

// ServerAddr implements raft.ServerAddressProvider.
func (b addressBook) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	if addr, ok := b.dir.addressOf(string(id)); ok {
		return raftAddr{string(id), addr}.server(), nil
	}
	return "", fmt.Errorf("gossip does not know %q", id)
}

func (e *election) start() {
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.leadCtx, e.stopLead = context.WithCancelCause(e.ctx)
	e.raft.RegisterObserver(raft.NewObserver(e.watch, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	}))
	e.wg.Go(e.followLeader)
	e.wg.Go(e.followNotifications)
	e.leadWG.Go(e.leadLoop)
}

// close ends raft and waits for everything that start began.
func (e *election) close() {
	e.endReigns(ErrClosed)
	e.cancel()
	_ = e.raft.Shutdown().Error()
	_ = e.transport.Close()
	e.wg.Wait()
}

// endReigns ends this node's reign, if any, waits for its job, and lets no other
// begin. Raft may still name this node as leader.
func (e *election) endReigns(cause error) {
	e.stopLead(cause)
	e.leadWG.Wait()
}

// followLeader counts leaders and notices when there is none.
func (e *election) followLeader() {
	last := raft.ServerID("")
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.watch:
			_, id := e.raft.LeaderWithID() // newer than the observation
			if id == "" {
				e.leaderless.CompareAndSwap(0, time.Now().UnixNano())
				continue
			}
			e.leaderless.Store(0)
			if id != last {
				e.c.stats.leaderChanges.Add(1)
				e.c.log.Info("leader", "leader", string(id), "term", e.raft.CurrentTerm())
			}
			last = id
		}
	}
}

func (e *election) leaderlessFor() time.Duration {
	since := e.leaderless.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - since)
}

// hasState tells whether raft keeps anything here. A node without it waits to be added.
func (e *election) hasState() bool { return e.raft.LastIndex() > 0 }

// servers is the newest configuration that this node has in its log.
func (e *election) servers() []server {
	future := e.raft.GetConfiguration()
	if future.Error() != nil {
		return nil
	}
	var all []server
	for _, s := range future.Configuration().Servers {
		all = append(all, server{id: string(s.ID), addr: parseRaftAddr(s.Address).hostPort, voter: s.Suffrage == raft.Voter})
	}
	return all
}
