package node

import (
	"context"
	"errors"

	"github.com/buntime/keyval/cluster"
)

// RaiseIncarnation begins a new life of a restored database, which must be there,
// and returns its number. Positions of earlier lives are refused from then on.
func RaiseIncarnation(ctx context.Context, cfg Config) (incarnation int64, err error) {
	db, err := connect(ctx, cfg, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.RaiseIncarnation(ctx)
}

// RecoverCluster lets the node of this data directory go on after its cluster
// has lost the quorum for good, and says what was done: see cluster.Recover. Where the
// directory is no node's, because it was lost, it becomes a new one's.
func RecoverCluster(ctx context.Context, cfg Config) (done string, err error) {
	db, err := connect(ctx, cfg, true)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	id, err := identity(cfg)
	if err != nil {
		return "", err
	}
	of := cfg.clusterConfig(id)
	of.DatabaseID = db.Info().DatabaseID
	of.Founder, of.Epochs = registry{db}, registry{db}
	recovery, err := cluster.Recover(ctx, of)
	return string(recovery), clusterError(err)
}
