package cluster

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/memberlist"
)

// Cluster is one node's membership. New makes it, Listen opens its ports, Start
// begins, Close ends it. All other methods may be called at any time, concurrently.
type Cluster struct {
	cfg          Config
	log          *slog.Logger
	limiter      *limiter
	stats        *stats
	dir          *directory
	bells        *bells
	keyring      *memberlist.Keyring // nil: gossip is in the clear
	newClusterID string              // ours, if we found
	began        time.Time           // of New, by the monotonic clock

	// Set by Listen.
	gossipAdvertise, raftAdvertise *net.TCPAddr
	link                           *gossipLink
	port                           *raftPort
	gossip                         *gossip    // set by Start
	collector                      *collector // set by Start; nil without a Registerer

	founding   atomic.Pointer[Founding] // where this node resides
	leads      atomic.Uint64            // the epoch under which this node leads; 0: it does not
	failed     chan error
	joined     sync.Once
	joinedOnce chan struct{} // closed after the first round of joining

	cancel    context.CancelFunc // ends what Start began, but for gossip
	residence sync.WaitGroup     // reside
	loops     sync.WaitGroup     // the others
	closing   sync.Once
	closed    chan struct{} // closed when Close is done

	rekeying sync.Mutex // one SetGossipKeys at a time

	mu      sync.Mutex // covers current
	current *election
}

// New checks the config. It opens nothing.
func New(cfg Config) (*Cluster, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Cluster{
		cfg:          cfg,
		log:          cfg.Logger.With("node", cfg.NodeID),
		limiter:      newLimiter(cfg.Timings.LogEvery),
		stats:        &stats{},
		dir:          newDirectory(cfg),
		newClusterID: uuid.NewString(),
		began:        time.Now(),
		failed:       make(chan error, 1),
		joinedOnce:   make(chan struct{}),
		closed:       make(chan struct{}),
	}
	if keys := cfg.GossipKeys; len(keys) > 0 {
		c.keyring, _ = memberlist.NewKeyring(keys, keys[0]) // validate has seen their lengths
	}
	c.bells = newBells(cfg, c.stats, func() int { return len(c.dir.others()) + 1 })
	c.bells.send = c.send
	return c, nil
}

// Listen opens the gossip and raft ports. Its errors name the setting and the
// address. After an error nothing is open.
func (c *Cluster) Listen() (err error) {
	tcp, udp, err := listenGossip(c.cfg.Network, c.cfg.GossipAddr)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = tcp.Close(), udp.Close()
		}
	}()
	if c.gossipAdvertise, err = advertised("gossip-advertise", c.cfg.GossipAdvertise, tcp.Addr()); err != nil {
		return err
	}
	c.cfg.HTTPAddr = reachable(c.cfg.HTTPAddr, c.gossipAdvertise.IP)
	raftListener, err := listenRaft(c.cfg.Network, c.cfg.RaftAddr)
	if err != nil {
		return err
	}
	if c.raftAdvertise, err = advertised("raft-advertise", c.cfg.RaftAdvertise, raftListener.Addr()); err != nil {
		_ = raftListener.Close()
		return err
	}
	c.link = newGossipLink(c.cfg.Network, tcp, udp, c.gossipAdvertise, c.complain)
	c.port = newRaftPort(c.cfg, raftListener, c.complain)
	return nil
}

// GossipAddr is the advertised address, "ip:port", once Listen has returned.
func (c *Cluster) GossipAddr() string { return c.gossipAdvertise.String() }

// RaftAddr is the advertised address, "ip:port", once Listen has returned.
func (c *Cluster) RaftAddr() string { return c.raftAdvertise.String() }

// HTTPAddr is what others are told of this node's API, once Listen has returned.
func (c *Cluster) HTTPAddr() string { return c.cfg.HTTPAddr }

// Start listens, unless Listen has been called, and begins to gossip, to join, and to take part in elections. It waits for the
// first round of joining, at most Timings.JoinWait or until ctx ends; neither
// unreachable seeds nor an unreachable database is an error. It returns
// ErrOtherDatabase or ErrDuplicateNode if one is found by then, and an error if
// raft's state cannot be opened, for instance because another process uses it; what
// ends the node's membership later comes through Failed. ctx bounds only Start. After an error the
// caller calls Close.
func (c *Cluster) Start(ctx context.Context) (err error) {
	if c.link == nil {
		if err := c.Listen(); err != nil {
			return err
		}
	}
	if c.gossip, err = c.openGossip(c.link); err != nil {
		return err
	}
	if err := c.register(); err != nil {
		return err
	}
	c.port.start()
	life, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.loops.Go(func() { c.keepJoined(life) })
	c.loops.Go(func() { c.bells.sendLoop(life) })
	c.loops.Go(func() { c.bells.deliverLoop(life) })

	wait, stop := context.WithTimeout(ctx, c.cfg.Timings.JoinWait)
	defer stop()
	select {
	case <-c.joinedOnce:
	case <-wait.Done():
	}
	select {
	case err := <-c.failed:
		return err
	default:
	}
	st, err := openStore(c.cfg)
	if err != nil {
		return err
	}
	c.residence.Go(func() { c.reside(life, st) })
	return nil
}

// Failed delivers at most one error: why this node can no longer be a member
// (ErrOtherDatabase, ErrDuplicateNode, ErrOtherFounding, or raft's state is
// unusable). The caller is to Close and exit with 2.
func (c *Cluster) Failed() <-chan error { return c.failed }

func (c *Cluster) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// HandOver gives leadership to another voter, if this node has it, and takes none
// again: the next leader need not wait until a stopping node has drained. It waits
// for the leader's job to end and for raft, a few seconds at most. The node stays a
// member, and goes on to vote, until Close.
func (c *Cluster) HandOver() {
	if e := c.election(); e != nil {
		e.handOver()
	}
}

// Close leaves the cluster, in this order: the leader's job ends; leadership is
// handed over, so that there is no gap; the leave is announced and the leader
// removes this node from the voters while its vote still counts; raft stops; gossip
// says goodbye and stops. It waits for everything. When ctx ends, the polite steps
// are cut short; with a ctx that has ended already the node vanishes as if it had
// died. Calling it again waits for the first call.
func (c *Cluster) Close(ctx context.Context) error {
	c.closing.Do(func() {
		defer close(c.closed)
		c.close(ctx)
	})
	<-c.closed
	return nil
}

func (c *Cluster) close(ctx context.Context) {
	if c.gossip == nil { // never started
		if c.link != nil {
			_ = c.link.Shutdown()
			c.port.close()
		}
		return
	}
	if ctx.Err() == nil {
		c.leave(ctx, c.election())
	}
	if c.cancel != nil {
		c.cancel()
	}
	c.residence.Wait()
	if ctx.Err() == nil {
		c.gossip.leave()
	}
	c.gossip.close()
	c.loops.Wait()
	c.port.close()
	c.unregister()
}

// leave does the polite steps of closing; e is nil before this node has settled.
func (c *Cluster) leave(ctx context.Context, e *election) {
	if e == nil {
		c.gossip.announceLeave()
		return
	}
	e.handOver()
	c.gossip.announceLeave()
	e.waitRemoved(ctx)
	if c.cfg.Ephemeral && len(c.dir.others()) == 0 {
		ctx, cancel := context.WithTimeout(ctx, c.cfg.Timings.LeaveWait)
		defer cancel()
		if err := c.cfg.Founder.Release(ctx, e.founding); err != nil {
			c.complain("cannot release the founding; the next start may wait for it", "error", err)
		}
	}
}

func (c *Cluster) election() *election {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

func (c *Cluster) setElection(e *election) {
	c.mu.Lock()
	c.current = e
	c.mu.Unlock()
	if e == nil {
		c.founding.Store(nil)
		return
	}
	f := e.founding
	c.founding.Store(&f)
}
