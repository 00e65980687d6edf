// Package testnode runs nodes in the process of a test or a benchmark. It is apart from
// package nodetest, whose servers the tests of every room need, so that these are not
// built with all that a node is made of.
package testnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
)

// Node is a node of this process, on ports that the kernel chose.
type Node struct {
	*node.Node
	// Client is a client of this node alone.
	Client *client.Client
}

// NodeConfig is a node for tests: everything on loopback and port 0, an
// embedded database and whatever else it keeps in dir, no time to drain.
func NodeConfig(dir string) node.Config {
	cfg := node.DefaultConfig()
	cfg.HTTPAddr, cfg.GossipAddr, cfg.RaftAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.LibsqlURL = "file:" + filepath.Join(dir, "keyval.db")
	cfg.DataDir = filepath.Join(dir, "data")
	cfg.Ephemeral = true
	cfg.DrainDelay = 0
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Stdout = io.Discard
	return cfg
}

// StartNode starts a node in this process. Close stops it.
func StartNode(ctx context.Context, cfg node.Config) (*Node, error) {
	n, err := node.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c, err := client.New(n.URL())
	if err != nil {
		return nil, errors.Join(err, n.Stop(context.WithoutCancel(ctx)))
	}
	return &Node{Node: n, Client: c}, nil
}

// Close drains the node and stops it.
func (n *Node) Close() error { return n.Stop(context.Background()) }

// Cluster is several nodes of this process on one database.
type Cluster struct {
	Nodes []*Node
	db    *sqldb.DB // the embedded database, nil on a server
}

// StartCluster starts nodes with the settings of cfg that find each other by
// gossip. An embedded database is opened once for all of them.
func StartCluster(ctx context.Context, cfg node.Config, nodes int) (_ *Cluster, err error) {
	c := &Cluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if cfg.Database == nil && strings.HasPrefix(cfg.LibsqlURL, "file:") {
		if c.db, err = node.OpenDatabase(ctx, cfg); err != nil {
			return nil, err
		}
		cfg.Database = c.db
	}
	for i := range nodes {
		one := cfg
		one.DataDir = filepath.Join(cfg.DataDir, fmt.Sprint(i))
		if i > 0 {
			one.Join = []string{c.Nodes[0].GossipAddr()}
		}
		n, err := StartNode(ctx, one)
		if err != nil {
			return nil, err
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c, nil
}

// Close stops the nodes, the first one last.
func (c *Cluster) Close() error {
	var err error
	for i := len(c.Nodes) - 1; i >= 0; i-- {
		err = errors.Join(err, c.Nodes[i].Close())
	}
	if c.db != nil {
		err = errors.Join(err, c.db.Close())
	}
	return err
}

// MustStartNode starts a node for the length of a test.
func MustStartNode(tb nodetest.TB, cfg node.Config) *Node {
	tb.Helper()
	n, err := StartNode(tb.Context(), cfg)
	nodetest.Check(tb, err)
	tb.Cleanup(func() {
		if err := n.Close(); err != nil {
			tb.Logf("close: %v", err)
		}
	})
	return n
}

// MustStartCluster starts a cluster for the length of a test.
func MustStartCluster(tb nodetest.TB, cfg node.Config, nodes int) *Cluster {
	tb.Helper()
	c, err := StartCluster(tb.Context(), cfg, nodes)
	nodetest.Check(tb, err)
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Logf("close: %v", err)
		}
	})
	return c
}
