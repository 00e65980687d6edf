package systems

import (
	"context"
	"errors"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/node/nodetest"
)

// caughtUp is a workload whose preparation ends when every node reads what it has made: a
// worker that has written nothing reads whatever the replica of its node has.
type caughtUp struct {
	workload.Workload
	nodes []*nodetest.NodeProcess
}

func (c caughtUp) Prepare(ctx context.Context, progress func(float64)) error {
	if err := c.Workload.Prepare(ctx, progress); err != nil {
		return err
	}
	return catchUp(ctx, c.nodes)
}

// errBehind is a replica that does not have the newest write yet.
var errBehind = errors.New("the replica is behind")

// catchUp writes through every node and returns when it reads that from its replica, and with
// it all that was written before: one that has not found its primary yet would cost nothing
// and help nobody. After millions of writes that takes minutes, so there is no end to it but
// ctx's.
func catchUp(ctx context.Context, nodes []*nodetest.NodeProcess) error {
	for n, node := range nodes {
		key := api.Key{"bench-ready", n}
		written, err := node.Client.Put(ctx, key, n)
		if err != nil {
			return err
		}
		err = until(ctx, node.Process(), func(ctx context.Context) error {
			entry, err := node.Client.Get(ctx, key, client.Consistency(api.Eventual))
			if err == nil && entry.Versionstamp < written {
				return errBehind
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
