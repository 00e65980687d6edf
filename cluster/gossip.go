package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

var (
	// ErrOtherDatabase ends a node that tried to join members which use another
	// database, and knows none that use its own.
	ErrOtherDatabase = errors.New("the cluster's members use another database")
	// ErrDuplicateNode ends a node whose id is in use by another, living node.
	ErrDuplicateNode = errors.New("another node with this node id is alive")
)

// gossip is this node's end of memberlist.
type gossip struct {
	c    *Cluster
	link *gossipLink
	list *memberlist.Memberlist

	updating sync.Mutex // one UpdateNode at a time

	mu      sync.Mutex // covers leaving
	leaving bool
}

// openGossip makes this node visible. Callbacks may run before it returns.
func (c *Cluster) openGossip(link *gossipLink) (*gossip, error) {
	g := &gossip{c: c, link: link}
	link.start()
	list, err := memberlist.Create(c.memberlistConfig(g))
	if err != nil {
		_ = link.Shutdown()
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	g.list = list
	return g, nil
}

func (c *Cluster) memberlistConfig(g *gossip) *memberlist.Config {
	t := c.cfg.Timings
	mc := memberlist.DefaultLANConfig()
	mc.Name = c.cfg.gossipName()
	mc.Label = c.cfg.Name
	mc.Transport = g.link
	mc.BindPort = g.link.advertise.Port
	mc.ProbeInterval, mc.ProbeTimeout = t.Probe, t.ProbeTimeout
	mc.GossipInterval, mc.PushPullInterval = t.Gossip, t.PushPull
	mc.TCPTimeout = t.StreamTimeout
	mc.EnableCompression = false // packets are small; it would only cost time
	mc.Logger = memberlistTo(c.log, c.limiter)
	mc.Delegate, mc.Events, mc.Ping = delegate{c, g}, c.dir, c.dir
	mc.Merge, mc.Alive = delegate{c, g}, delegate{c, g}
	mc.Keyring = c.keyring
	return mc
}

// delegate is what memberlist calls.
type delegate struct {
	c *Cluster
	g *gossip
}

// NodeMeta implements memberlist.Delegate.
func (d delegate) NodeMeta(int) []byte {
	d.g.mu.Lock()
	leaving := d.g.leaving
	d.g.mu.Unlock()
	m := d.c.cfg.meta("", d.c.raftAdvertise.String())
	if f := d.c.founding.Load(); f != nil {
		m.Cluster, m.Generation = fingerprint(f.ID), f.Generation
	}
	m.Leaving = leaving
	p, _ := m.encode() // New has checked the length
	return p
}

// NotifyMsg implements memberlist.Delegate.
func (d delegate) NotifyMsg(p []byte) { d.c.bells.hear(p, d.c.wide()) }

// GetBroadcasts implements memberlist.Delegate.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.c.bells.waves.GetBroadcasts(overhead, limit)
}

// LocalState implements memberlist.Delegate.
func (d delegate) LocalState(bool) []byte { return d.c.bells.state() }

// MergeRemoteState implements memberlist.Delegate.
func (d delegate) MergeRemoteState(p []byte, _ bool) { d.c.bells.hear(p, false) }

// NotifyMerge implements memberlist.MergeDelegate: joining members that use another
// database is refused before anything of theirs is taken over.
func (d delegate) NotifyMerge(peers []*memberlist.Node) error {
	for _, n := range peers {
		if n.State != memberlist.StateAlive {
			continue
		}
		if err := d.NotifyAlive(n); err != nil {
			return err
		}
	}
	return nil
}

// NotifyAlive implements memberlist.AliveDelegate: strangers are not let in.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	if n.Name == d.c.cfg.gossipName() {
		return nil
	}
	r, err := newRecord(n)
	if err != nil {
		return err
	}
	if r.meta.Database != fingerprint(d.c.cfg.DatabaseID) {
		return fmt.Errorf("%w: node %s at %s", ErrOtherDatabase, r.nodeID, r.gossipAddr)
	}
	return nil
}

// refreshMeta tells the members what has changed about this node. It waits until
// one has heard it, but not long.
func (g *gossip) refreshMeta() {
	g.updating.Lock()
	defer g.updating.Unlock()
	_ = g.list.UpdateNode(g.c.cfg.Timings.LeaveWait)
}

// announceLeave tells the leader that this node is about to leave.
func (g *gossip) announceLeave() {
	g.mu.Lock()
	g.leaving = true
	g.mu.Unlock()
	g.refreshMeta()
}

// close leaves without a further word. Whoever wants to say goodbye calls leave.
func (g *gossip) close() { _ = g.list.Shutdown() }

func (g *gossip) leave() { _ = g.list.Leave(g.c.cfg.Timings.LeaveWait) }

// send gives p to every member, directly unless they are many and it may travel.
func (c *Cluster) send(p []byte, mayTravel bool) {
	others := c.dir.others()
	if len(others) > c.cfg.Timings.DirectLimit && mayTravel {
		c.bells.spread(p)
		c.stats.bellsSent.Add(1)
		return
	}
	for _, r := range others {
		// Not SendBestEffort: its node would be memberlist's own, which changes
		// while it is read.
		to := memberlist.Address{Addr: r.gossipAddr, Name: r.name}
		if err := c.gossip.list.SendToAddress(to, p); err != nil {
			c.stats.bellsDropped.Add(1)
			continue
		}
		c.stats.bellsSent.Add(1)
	}
}

// wide reports whether members are too many for direct doorbells.
func (c *Cluster) wide() bool { return len(c.dir.others()) > c.cfg.Timings.DirectLimit }

// keepJoined joins for ever: seeds that are no members, whose names are looked up
// again each time, and members that are dead. Two halves of a cluster that have
// declared each other dead never meet again by themselves.
func (c *Cluster) keepJoined(ctx context.Context) {
	wait := c.cfg.Timings.JoinRetry
	for {
		c.joinOnce(ctx)
		c.refuseTwin()
		c.joined.Do(func() { close(c.joinedOnce) })
		if len(c.dir.others()) > 0 {
			wait = c.cfg.Timings.JoinEvery
		} else {
			wait = min(2*wait, c.cfg.Timings.JoinEvery)
		}
		if !c.waitToJoin(ctx, jitter(wait)) {
			return
		}
	}
}

// waitToJoin waits, and looks at twins meanwhile.
func (c *Cluster) waitToJoin(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-c.dir.twin:
			c.refuseTwin()
		case <-t.C:
			return true
		}
	}
}

// joinOnce tries all addresses that are worth trying, at once: one that does not
// answer must not keep this node from the others.
func (c *Cluster) joinOnce(ctx context.Context) {
	var (
		wg      sync.WaitGroup
		foreign atomic.Pointer[error]
	)
	for _, addr := range c.toJoin(ctx) {
		wg.Go(func() {
			_, err := c.gossip.list.Join([]string{addr})
			if err == nil || ctx.Err() != nil {
				return
			}
			err = oneLine(err)
			// memberlist keeps only the text of what NotifyMerge returned.
			if strings.Contains(err.Error(), ErrOtherDatabase.Error()) {
				foreign.Store(&err)
			}
			c.complainAbout(addr, "cannot join; trying again", "seed", addr, "error", err)
		})
	}
	wg.Wait()
	// Who has met others is with them, also while they do not answer.
	if err := foreign.Load(); err != nil && len(c.dir.others())+len(c.dir.deadAddrs()) == 0 {
		_, who, _ := strings.Cut((*err).Error(), ErrOtherDatabase.Error()+": ")
		c.fail(fmt.Errorf("%w: %s", ErrOtherDatabase, who))
	}
}

// toJoin lists "ip:port" of seeds and dead members that are not alive here.
func (c *Cluster) toJoin(ctx context.Context) []string {
	known := map[string]bool{c.gossipAdvertise.String(): true}
	for _, r := range c.dir.others() {
		known[r.gossipAddr] = true
	}
	var addrs []string
	for _, seed := range c.cfg.Join {
		found, err := c.resolveSeed(ctx, seed)
		if err != nil && ctx.Err() == nil {
			c.complainAbout(seed, "cannot look up a seed; trying again", "seed", seed, "error", err)
		}
		addrs = append(addrs, found...)
	}
	addrs = append(addrs, c.dir.deadAddrs()...)
	slices.Sort(addrs)
	return slices.DeleteFunc(slices.Compact(addrs), func(a string) bool { return known[a] })
}

func (c *Cluster) resolveSeed(ctx context.Context, seed string) ([]string, error) {
	host, port, err := splitSeed(seed)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		_, port, _ = SplitHostPort(c.cfg.GossipAddr)
	}
	if port == 0 {
		port = DefaultGossipPort
	}
	hosts := []string{host}
	if net.ParseIP(host) == nil {
		if hosts, err = c.cfg.Resolve(ctx, host); err != nil {
			return nil, err
		}
	}
	for i, h := range hosts {
		hosts[i] = net.JoinHostPort(h, strconv.Itoa(port))
	}
	return hosts, nil
}

// refuseTwin ends this node if another one with its id answers. After a restart the
// earlier start still counts as alive for a while, but it does not answer.
func (c *Cluster) refuseTwin() {
	for _, r := range c.dir.others() {
		if r.nodeID != c.cfg.NodeID || r.gossipAddr == c.gossipAdvertise.String() || !c.answers(r) {
			continue
		}
		if !c.isNewcomer(r) {
			c.complain("another node has this node's id; it is to end itself", "addr", r.gossipAddr)
			continue
		}
		c.fail(fmt.Errorf("%w: %s at %s since %s: was the data directory copied? Give each node its own",
			ErrDuplicateNode, r.nodeID, r.gossipAddr, time.UnixMilli(r.meta.StartedMs).UTC().Format(time.RFC3339)))
		return
	}
}

// isNewcomer decides which of two nodes with one id goes, this one or r: the one that
// has not found its place yet; of two alike the one that started later, unless this one
// has been here for long and its clock may be wrong.
func (c *Cluster) isNewcomer(r record) bool {
	mine, theirs := c.founding.Load() != nil, r.meta.Cluster != ""
	if mine != theirs {
		return theirs
	}
	if mine && time.Since(c.began) > 4*c.cfg.Timings.JoinEvery {
		return false
	}
	own := c.cfg.StartedAt.UnixMilli()
	if r.meta.StartedMs != own {
		return r.meta.StartedMs < own
	}
	return r.bootID < c.cfg.BootID
}

func (c *Cluster) answers(r record) bool {
	addr, err := net.ResolveUDPAddr("udp", r.gossipAddr)
	if err != nil {
		return false
	}
	_, err = c.gossip.list.Ping(r.name, addr)
	return err == nil
}

// oneLine unwraps memberlist's list of errors to its first.
func oneLine(err error) error {
	var many interface{ WrappedErrors() []error }
	if errors.As(err, &many) && len(many.WrappedErrors()) > 0 {
		return many.WrappedErrors()[0]
	}
	return err
}
