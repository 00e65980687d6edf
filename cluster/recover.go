package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
)

// ErrNothingToRecover is returned by Recover when a leader has renewed the founding a
// moment ago, or when there is nothing to be done for this node.
var ErrNothingToRecover = errors.New("nothing to recover")

// Recovery says what Recover has done.
type Recovery string

const (
	// Refounded says that the cluster begins again with this node as its only voter.
	Refounded Recovery = "refounded"
	// Reset says that the cluster had been founded again elsewhere; this node's raft state is
	// deleted, and it will join when it starts.
	Reset Recovery = "reset"
	// Released says that the first ephemeral node to start founds the cluster again.
	Released Recovery = "released"
)

// Recover brings a cluster back that has lost its quorum for good, or whose nodes have
// lost their disks or are others now. Run it while the node is stopped, on one node that
// is left or a new one: the cluster is founded again in the database, one generation
// later, with that node as its only voter. Run it on every other node that has raft
// state: each is reset, and joins. For ephemeral nodes it lets the next one to start
// found what persistent ones had founded.
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
		return release(ctx, cfg)
	}
	if _, err := os.Stat(cfg.raftDir()); errors.Is(err, os.ErrNotExist) {
		_, mine, err := claim(ctx, cfg, &store{}) // and none is made
		return recovered(mine, err)
	}
	st, err := openStore(cfg)
	if err != nil {
		return "", err
	}
	f, mine, err := claim(ctx, cfg, st)
	if err == nil && mine && st.hasState {
		err = recoverStore(cfg, st, f)
	}
	st.close()
	if err == nil && !mine {
		err = os.RemoveAll(cfg.raftDir())
	}
	return recovered(mine, err)
}

func recovered(mine bool, err error) (Recovery, error) {
	switch {
	case err != nil:
		return "", err
	case mine:
		return Refounded, nil
	}
	return Reset, nil
}

// claim makes this node the founder of the next generation, unless somebody else is
// already the founder of one that is later than this node's. A node without raft state
// begins with its founding when it starts, as the founder of a new cluster does.
func claim(ctx context.Context, cfg Config, st *store) (f Founding, mine bool, err error) {
	ours := st.founding
	if !st.hasState {
		ours = Founding{ID: uuid.NewString(), Generation: 1, NodeID: cfg.NodeID, BootID: cfg.BootID}
	}
	row, err := cfg.Founder.Found(ctx, ours, 0)
	if err != nil {
		return Founding{}, false, fmt.Errorf("ask the database for the founding: %w", err)
	}
	begun := row.NodeID == cfg.NodeID && !row.Established // by an earlier Recover
	switch {
	case begun:
		return row, true, nil
	case st.hasState && row.supersedes(ours):
		return row, false, nil
	case (row.Established || !st.hasState) && row.Age < cfg.Timings.StaleAfter:
		return Founding{}, false, tooEarly(cfg, row, st.hasState)
	}
	next := Founding{ID: row.ID, Generation: max(row.Generation, st.founding.Generation) + 1, NodeID: cfg.NodeID, BootID: cfg.BootID}
	got, err := cfg.Founder.Replace(ctx, row, next)
	switch {
	case err != nil:
		return Founding{}, false, fmt.Errorf("found the cluster again: %w", err)
	case got.same(next) && got.NodeID == next.NodeID:
		return got, true, nil
	case !st.hasState:
		return Founding{}, false, tooEarly(cfg, got, false)
	}
	return got, false, nil
}

// tooEarly refuses to take over what was renewed a moment ago.
func tooEarly(cfg Config, row Founding, hasState bool) error {
	who := "a leader was there"
	if !row.Established {
		who = "node " + row.NodeID + " has founded the cluster"
	}
	instead := ""
	if !hasState {
		instead = "; this node has no raft state: start it, and it joins"
	}
	return fmt.Errorf("%w: %s %v ago%s; if it is gone for good, try again in %v",
		ErrNothingToRecover, who, row.Age.Round(time.Second), instead, max(cfg.Timings.StaleAfter-row.Age, time.Second).Round(time.Second))
}

// release lets the next ephemeral node that starts found the cluster again.
func release(ctx context.Context, cfg Config) (Recovery, error) {
	candidate := Founding{ID: uuid.NewString(), Generation: 1, NodeID: cfg.NodeID, BootID: cfg.BootID, Ephemeral: true}
	row, err := cfg.Founder.Found(ctx, candidate, 0)
	switch {
	case err != nil:
		return "", fmt.Errorf("ask the database for the founding: %w", err)
	case row.ID == candidate.ID: // there was none
	case row.Age < cfg.Timings.StaleAfter:
		return "", tooEarly(cfg, row, false)
	case row.Ephemeral:
		return "", fmt.Errorf("%w: ephemeral nodes found their cluster again by themselves: start them", ErrNothingToRecover)
	default:
		candidate.ID, candidate.Generation = row.ID, row.Generation+1
		if row, err = cfg.Founder.Replace(ctx, row, candidate); err != nil {
			return "", fmt.Errorf("found the cluster again: %w", err)
		}
		if !row.same(candidate) || row.BootID != candidate.BootID {
			return "", tooEarly(cfg, row, false)
		}
	}
	if err := cfg.Founder.Release(ctx, row); err != nil {
		return "", fmt.Errorf("release the founding: %w", err)
	}
	return Released, nil
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
