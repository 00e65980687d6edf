package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/buntime/keyval/internal/sleep"
)

// ErrOtherFounding is returned by Founder.Renew, and ends a persistent node, when
// the cluster has been founded again without it. The cure is `keyval cluster
// recover`.
var ErrOtherFounding = errors.New("the cluster was founded again")

// errStartOver sends a node without raft state worth keeping to the new founding.
var errStartOver = errors.New("start over")

// Founding says which cluster exists on this database. There is one row of it.
type Founding struct {
	// ID is the cluster's UUID. It stays when the cluster is founded again.
	ID string
	// Generation counts the foundings of this cluster, from 1.
	Generation uint64
	// NodeID and BootID say who founded this generation.
	NodeID string
	BootID string
	// Ephemeral says that the founder keeps no raft state over a restart.
	Ephemeral bool
	// Established says that a leader of this generation has renewed the row. Until
	// then its founder may not have begun, and nobody else has joined.
	Established bool
	// Age is the time since the founding or its last renewal, by the database's
	// clock, when the row was read. Never stored.
	Age time.Duration
}

// Founder keeps the founding row on the primary. Each method is one transaction
// there, its clock decides, and each is safe to repeat when its answer was lost.
// Methods are called concurrently; they return when ctx ends.
type Founder interface {
	// Found returns the row, which may have been changed to candidate:
	//   - No row: candidate is inserted as it is, not established, renewed now.
	//   - The row is ephemeral and its last renewal is at least staleAfter ago, and
	//     staleAfter is not 0: NodeID, BootID and Ephemeral become candidate's, the
	//     generation grows by 1, ID stays, not established, renewed now.
	//   - Otherwise the row stays as it is.
	// Whoever finds its own node and boot in a row that is not established has won.
	Found(ctx context.Context, candidate Founding, staleAfter time.Duration) (Founding, error)

	// Renew sets the row to f, established, renewed now, if the row is missing, or
	// has f's ID and a generation of at most f's (a database restored from a backup
	// may be behind). Otherwise it changes nothing and returns ErrOtherFounding.
	Renew(ctx context.Context, f Founding) error

	// Release makes the row stale, if it still has f's ID and generation: the last
	// member of an ephemeral cluster has stopped, and the next need not wait.
	Release(ctx context.Context, f Founding) error

	// Replace sets the row to next, not established, renewed now, if it still has
	// old's ID and generation, and returns the row as it then is. Used by Recover.
	Replace(ctx context.Context, old, next Founding) (Founding, error)
}

// Epochs hands out leadership epochs from the primary.
type Epochs interface {
	// TakeEpoch adds 1 to the epoch in the database, records nodeID as its owner,
	// and returns it. The first is 1. No value is ever returned twice; one whose
	// answer was lost is skipped.
	TakeEpoch(ctx context.Context, nodeID string) (uint64, error)
}

// same reports whether both are the same generation of the same cluster.
func (f Founding) same(g Founding) bool { return f.ID == g.ID && f.Generation == g.Generation }

// supersedes reports whether f has taken g's place: a later generation of the same
// cluster, or another cluster.
func (f Founding) supersedes(g Founding) bool {
	return f.ID != g.ID || f.Generation > g.Generation
}

// preamble opens every raft connection to the server with raftID. Logs of different
// foundings, names or databases never meet, and nobody answers for a server whose
// address it has taken over: an ephemeral node that restarts on its old port would
// otherwise vote in its dead predecessor's name.
func (f Founding) preamble(cfg Config, raftID string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "keyval raft 1\x00%s\x00%s\x00%s\x00%d\x00%s",
		cfg.Name, cfg.DatabaseID, f.ID, f.Generation, raftID))
}

// fingerprint is a short form of s for node metadata.
func fingerprint(s string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// candidate is the founding that this node offers.
func (c *Cluster) candidate(id string) Founding {
	return Founding{ID: id, Generation: 1, NodeID: c.cfg.NodeID, BootID: c.cfg.BootID, Ephemeral: c.cfg.Ephemeral}
}

// won reports whether this node is to bootstrap f: it is the founder, and no leader
// of f was ever there. A persistent founder may have crashed in between, so for it
// any boot counts; an ephemeral one's earlier boot may have let others in.
func (c *Cluster) won(f Founding) bool {
	return f.NodeID == c.cfg.NodeID && !f.Established && (f.BootID == c.cfg.BootID || !c.cfg.Ephemeral)
}

// staleAfter is how old the last renewal of an ephemeral founding must be for this node
// to take it over. It is 0, never, for a node that keeps raft state: that may be of a
// cluster whose other nodes keep theirs, too.
func (c *Cluster) staleAfter(hasState bool) time.Duration {
	if hasState && !c.cfg.Ephemeral {
		return 0
	}
	return c.cfg.Timings.StaleAfter
}

// settle finds out which founding this node belongs to. A node with raft state
// trusts that, so that a leader can be elected while the database is down.
func (c *Cluster) settle(ctx context.Context, st *store) (f Founding, bootstrap bool, err error) {
	if st.hasState {
		return st.founding, false, nil
	}
	f, err = c.askFounder(ctx)
	if err != nil {
		return Founding{}, false, err
	}
	return f, c.won(f), st.keepFounding(f)
}

// askFounder asks until the database answers or ctx ends.
func (c *Cluster) askFounder(ctx context.Context) (Founding, error) {
	wait := 50 * time.Millisecond
	for {
		f, err := c.cfg.Founder.Found(ctx, c.candidate(c.newClusterID), c.staleAfter(false))
		if err == nil {
			return f, nil
		}
		if ctx.Err() != nil {
			return Founding{}, context.Cause(ctx)
		}
		c.complain("the database does not say who founds the cluster; trying again", "error", err)
		sleep.For(ctx, jitter(wait))
		wait = min(2*wait, 2*time.Second)
	}
}

// reside lives in one founding after the other until ctx ends, beginning with st. A
// persistent node has only one.
func (c *Cluster) reside(ctx context.Context, st *store) {
	for {
		err := c.resideOnce(ctx, st)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errStartOver) {
			c.log.Info("the cluster was founded again; starting over without raft state", "error", err)
			st, err = openStore(c.cfg)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// resideOnce takes part in the founding that is current, and returns when that has
// been superseded, raft's state is unusable, or ctx ends. It closes st.
func (c *Cluster) resideOnce(ctx context.Context, st *store) error {
	defer st.close()
	f, bootstrap, err := c.settle(ctx, st)
	if err != nil {
		return err
	}
	e, err := c.openElection(f, st, bootstrap)
	if err != nil {
		return err
	}
	c.setElection(e)
	c.gossip.refreshMeta()
	err = c.watchFounding(ctx, e)
	c.setElection(nil)
	if err != nil {
		e.endReigns(ErrLeadershipLost)
	}
	e.close()
	return err
}

// watchFounding renews the row while this node leads, and asks the database whether
// this founding is still the one when there is no leader, or when gossip shows a
// later generation.
func (c *Cluster) watchFounding(ctx context.Context, e *election) error {
	tick := time.NewTicker(c.cfg.Timings.Renew)
	defer tick.Stop()
	first := !e.bootstrapped // a node that was away may have been left behind
	for {
		again, err := c.checkFounding(ctx, e, first)
		if err != nil {
			return err
		}
		first = false
		if !c.waitForCheck(ctx, e, tick.C, again) {
			return nil
		}
	}
}

// waitForCheck returns false when ctx has ended. Again is when it returns at the latest;
// 0: with the next tick.
func (c *Cluster) waitForCheck(ctx context.Context, e *election, tick <-chan time.Time, again time.Duration) bool {
	var soon <-chan time.Time
	if again > 0 {
		soon = time.After(again)
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-soon:
			return true
		case <-e.ledOnce:
			return true
		case <-c.dir.otherFounding:
			if c.dir.seesLater(e.founding) {
				return true
			}
		}
	}
}

// checkFounding does one round of watchFounding's work. Only having been superseded
// is an error: a database that cannot be reached proves nothing. Again is when the
// founding may be taken over, if it is not renewed meanwhile; 0: never.
func (c *Cluster) checkFounding(ctx context.Context, e *election, always bool) (again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, max(c.cfg.Timings.Renew, time.Second))
	defer cancel()
	if e.confirmed.Load() {
		return 0, c.renew(ctx, e)
	}
	leaderless := e.leaderlessFor() >= c.cfg.Timings.LeaderlessWait
	if !always && !leaderless && !c.dir.seesLater(e.founding) {
		return 0, nil
	}
	stale := c.staleAfter(e.hasState())
	if !leaderless {
		stale = 0 // there is a leader or may soon be one: only look
	}
	candidate := c.candidate(e.founding.ID)
	candidate.Generation = e.founding.Generation // should the row be missing
	row, err := c.cfg.Founder.Found(ctx, candidate, stale)
	switch {
	case err != nil:
		c.complain("cannot ask the database for the founding", "error", err)
		return 0, nil
	case row.supersedes(e.founding):
		return 0, c.superseded(e, row)
	case leaderless:
		c.warnLeaderless(e, row)
	}
	if !row.Ephemeral || stale == 0 {
		return 0, nil
	}
	return max(stale-row.Age, time.Millisecond), nil
}

// superseded says what becomes of a node of founding e now that row is there.
func (c *Cluster) superseded(e *election, row Founding) error {
	if c.cfg.Ephemeral || !e.hasState() {
		return fmt.Errorf("%w: generation %d by node %s", errStartOver, row.Generation, row.NodeID)
	}
	return fmt.Errorf("%w (generation %d, by node %s) while this node keeps raft state of generation %d: run `keyval cluster recover` here, and it can join again",
		ErrOtherFounding, row.Generation, row.NodeID, e.founding.Generation)
}

func (c *Cluster) renew(ctx context.Context, e *election) error {
	err := c.cfg.Founder.Renew(ctx, e.founding)
	if !errors.Is(err, ErrOtherFounding) {
		if err != nil {
			c.complain("cannot renew the founding", "error", err)
		}
		return nil
	}
	row, err := c.cfg.Founder.Found(ctx, e.founding, 0)
	if err != nil || !row.supersedes(e.founding) {
		return nil // the next round tells
	}
	return c.superseded(e, row)
}
