package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/raft"
)

// ErrNothingToRecover is returned by Recover when the node has no raft state, or
// when a leader has renewed the founding a moment ago.
var ErrNothingToRecover = errors.New("nothing to recover")

var errNoState = fmt.Errorf("%w: this node has no raft state; start it, and it will join", ErrNothingToRecover)

// Recovery says what Recover has done.
type Recovery string

const (
	// Refounded says that the cluster begins again with this node as its only voter.
	Refounded Recovery = "refounded"
	// Reset says that the cluster had been founded again elsewhere; this node's raft state is
	// deleted, and it will join when it starts.
	Reset Recovery = "reset"
)

// Recover brings a cluster of persistent nodes back that has lost its quorum for
// good. Run it while the node is stopped, on one node that is left: the cluster is
// founded again in the database, one generation later, with that node as its only
// voter. Run it on every other node that is left: each is reset, and joins.
//
// No data is at risk: raft's state holds nothing but who the voters are. Nodes that
// come back without Recover refuse to start, so an old majority cannot return and
// lead beside the new one. Recover may be repeated if it was interrupted.
func Recover(ctx context.Context, cfg Config) (Recovery, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return "", err
	}
	if cfg.Ephemeral {
		return "", fmt.Errorf("%w: ephemeral nodes found their cluster again by themselves", ErrNothingToRecover)
	}
	if _, err := os.Stat(cfg.raftDir()); errors.Is(err, os.ErrNotExist) {
		return "", errNoState // and none is made
	}
	st, err := openStore(cfg)
	if err != nil {
		return "", err
	}
	f, mine, err := claim(ctx, cfg, st)
	if err == nil && mine {
		err = recoverStore(cfg, st, f)
	}
	st.close()
	switch {
	case err != nil:
		return "", err
	case mine:
		return Refounded, nil
	}
	if err := os.RemoveAll(cfg.raftDir()); err != nil {
		return "", fmt.Errorf("delete raft's state: %w", err)
	}
	return Reset, nil
}

// claim makes this node the founder of the next generation, unless somebody else is
// already the founder of one that is later than this node's.
func claim(ctx context.Context, cfg Config, st *store) (f Founding, mine bool, err error) {
	if !st.hasState {
		return Founding{}, false, errNoState
	}
	row, err := cfg.Founder.Found(ctx, st.founding, 0)
	if err != nil {
		return Founding{}, false, fmt.Errorf("ask the database for the founding: %w", err)
	}
	begun := row.NodeID == cfg.NodeID && !row.Established // by an earlier Recover
	switch {
	case begun || row.supersedes(st.founding):
		return row, begun, nil
	case row.Established && row.Age < cfg.Timings.StaleAfter:
		return Founding{}, false, fmt.Errorf("%w: a leader was there %v ago; if it is gone, try again in %v",
			ErrNothingToRecover, row.Age.Round(time.Second), (cfg.Timings.StaleAfter - row.Age).Round(time.Second))
	}
	next := Founding{ID: row.ID, Generation: st.founding.Generation + 1, NodeID: cfg.NodeID, BootID: cfg.BootID}
	got, err := cfg.Founder.Replace(ctx, row, next)
	if err != nil {
		return Founding{}, false, fmt.Errorf("found the cluster again: %w", err)
	}
	return got, got.same(next) && got.NodeID == next.NodeID, nil
}

// recoverStore makes this node the only voter of f.
func recoverStore(cfg Config, st *store, f Founding) error {
	addr := cfg.RaftAdvertise
	if addr == "" {
		addr = cfg.RaftAddr // gossip will tell the true one
	}
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(cfg.raftID())
	rc.Logger = hclogTo(cfg.Logger, nil)
	self := raftAddr{cfg.raftID(), addr}.server()
	_, transport := raft.NewInmemTransport(self)
	alone := raft.Configuration{Servers: []raft.Server{{ID: rc.LocalID, Address: self}}}
	if err := raft.RecoverCluster(rc, &markerState{}, st.logs, st.stable, st.snaps, transport, alone); err != nil {
		return fmt.Errorf("recover raft's state: %w", err)
	}
	return st.keepFounding(f)
}
