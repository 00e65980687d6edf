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
// has lost the quorum for good, and says what was done: see cluster.Recover.
func RecoverCluster(ctx context.Context, cfg Config) (done string, err error) {
	id, err := keptIdentity(cfg)
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", badSetting("data-dir", "%s is no node's; name the directory of the node that is to be recovered", cfg.DataDir)
	}
	db, err := connect(ctx, cfg, true)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	reg := registry{db}
	recovery, err := cluster.Recover(ctx, cluster.Config{
		NodeID: id, DataDir: cfg.DataDir, Name: cfg.ClusterName, DatabaseID: db.Info().DatabaseID,
		Founder: reg, Epochs: reg, Logger: cfg.Logger,
	})
	return string(recovery), clusterError(err)
}
