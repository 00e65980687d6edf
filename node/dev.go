package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"

	"github.com/buntime/keyval/cluster"
)

// DevConfig is a cluster in one process, for development.
type DevConfig struct {
	// Nodes is how many nodes run. Positive.
	Nodes int
	// Node is what they have in common. Its HTTPAddr is the first node's; each
	// further node takes the next port, or with port 0 one that the kernel
	// chooses. Gossip and raft get ports from the kernel. Its PprofAddr is the first
	// node's only: profiles are of the process.
	Node Config
	// Logger is that of node i, counted from 0; nil: Node.Logger for all.
	Logger func(i int) *slog.Logger
}

// RunDev runs a cluster until ctx ends, then drains it and returns nil.
func RunDev(ctx context.Context, cfg DevConfig) (err error) {
	configs, err := cfg.configs()
	if err != nil {
		return err
	}
	db, err := OpenDatabase(ctx, cfg.Node)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var nodes []*Node
	defer func() {
		// The first last: the others have it for a seed.
		for _, n := range slices.Backward(nodes) {
			err = errors.Join(err, n.Stop(context.WithoutCancel(ctx)))
		}
	}()
	for i, one := range configs {
		one.Database = db
		if i > 0 {
			one.Join = []string{nodes[0].GossipAddr()}
		}
		n, err := Start(ctx, one)
		if err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
		nodes = append(nodes, n)
	}
	return firstFailure(ctx, nodes)
}

// firstFailure waits until a node fails, or ctx ends, which is none.
func firstFailure(told context.Context, nodes []*Node) error {
	ctx, cancel := context.WithCancelCause(told)
	defer cancel(nil)
	for _, n := range nodes {
		go func() {
			select {
			case <-ctx.Done():
			case err := <-n.Failed():
				cancel(err)
			}
		}()
	}
	<-ctx.Done()
	if told.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// configs are those of the nodes.
func (c DevConfig) configs() ([]Config, error) {
	configs := make([]Config, c.Nodes)
	for i := range configs {
		configs[i] = c.node(i)
		if err := configs[i].Validate(); err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
	}
	return configs, nil
}

// node is the configuration of node i.
func (c DevConfig) node(i int) Config {
	one := c.Node
	one.Ephemeral = true
	one.GossipAddr, one.RaftAddr = "127.0.0.1:0", "127.0.0.1:0"
	one.GossipAdvertise, one.RaftAdvertise = "", ""
	if i > 0 {
		one.PprofAddr = "" // the first node's are those of the process
	}
	host, port, err := cluster.SplitHostPort(one.HTTPAddr)
	if err == nil && port != 0 { // else Validate says so
		one.HTTPAddr = net.JoinHostPort(host, strconv.Itoa(port+i))
	}
	if c.Logger != nil {
		one.Logger = c.Logger(i)
	}
	return one
}
