package systems

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/node/nodetest"
)

// Names of keyval's own shapes.
const (
	Embedded         = "keyval, embedded"
	EmbeddedOneByOne = "keyval, embedded, no grouping"
	OnSqld           = "keyval, sqld"
	OnSqldOneByOne   = "keyval, sqld, no grouping"
	Balanced         = "keyval, three nodes behind HAProxy, sqld"
	OneBalanced      = "keyval, one node behind HAProxy, sqld"
	ThreeNodes       = "keyval, three nodes, sqld"
)

// Names of the programs that these consist of.
const (
	Node     = "keyval"
	Balancer = "HAProxy"
	Primary  = "sqld primary"
	Replica  = "sqld replica"
)

const (
	embeddedDurability = "fsync of the log for each group of commits (`synchronous=FULL`)"
	// Watched with strace: fifty inserts, one after the other, and no fsync.
	sqldDurability = "`kill -9` of sqld, but not a power cut: sqld runs with `synchronous=NORMAL` and does not sync before it answers"
)

// noGrouping gives each operation a transaction of its own.
const noGrouping = "--no-grouping"

// Keyval are keyval's shapes, of which the first is what the others are compared with.
func Keyval() []System {
	return []System{
		{
			Name: Embedded, Durability: embeddedDurability,
			Configuration: "`keyval serve`; 64 connections of HTTP/1.1",
			Start:         single(false), Version: keyvalVersion,
		},
		{
			Name: OnSqld, Durability: sqldDurability,
			Configuration: "one node, an sqld primary and replica on the same machine",
			Start:         single(true), Version: sqldVersion,
			Cannot: map[string]string{Watch: "it is watched with three nodes"},
		},
		{
			Name: Balanced, Durability: sqldDurability,
			Configuration: "three nodes on one sqld primary and replica, behind `deploy/haproxy.cfg` with `default_backend any_node`, because all clients have one address here; all on the same machine",
			Start:         several(3, true), Version: sqldVersion,
			Only: []string{Put, Get, Watch},
		},
		{
			Name: OneBalanced, Durability: sqldDurability,
			Configuration: "one of them behind the same HAProxy",
			Start:         several(1, true), Version: sqldVersion,
			Only: []string{Put, Get},
		},
		{
			Name: ThreeNodes, Durability: sqldDurability,
			Configuration: "three of them without HAProxy: the 64 connections are dealt out to them",
			Start:         several(3, false), Version: sqldVersion,
			Only: []string{Put, Get},
		},
		{
			Name: EmbeddedOneByOne, Durability: "fsync of the log for each commit (`synchronous=FULL`)",
			Configuration: "`keyval serve --no-grouping`: what one transaction for each request costs",
			Start:         single(false, noGrouping), Version: keyvalVersion,
			Only: []string{Put, Sum},
		},
		{
			Name: OnSqldOneByOne, Durability: sqldDurability,
			Configuration: "one node on sqld as above with `--no-grouping`",
			Start:         single(true, noGrouping), Version: sqldVersion,
			Only: []string{Put, Get, Sum},
		},
	}
}

func keyvalVersion(ctx context.Context, h *Host) (program, version string, err error) {
	version, err = h.Keyval(ctx)
	return "keyval", version, err
}

func sqldVersion(ctx context.Context, h *Host) (program, version string, err error) {
	find := func(context.Context, *Host) (string, error) { return nodetest.FindSqld() }
	return versionOf("sqld", "sqld sqld ", find)(ctx, h)
}

// single starts one node, with or without sqld.
func single(sqld bool, flags ...string) func(context.Context, *Host) (*Instance, error) {
	return func(ctx context.Context, h *Host) (*Instance, error) {
		return startNodes(ctx, h, 1, sqld, false, flags)
	}
}

// several starts nodes on sqld.
func several(nodes int, balanced bool) func(context.Context, *Host) (*Instance, error) {
	return func(ctx context.Context, h *Host) (*Instance, error) { return StartNodes(ctx, h, nodes, balanced) }
}

// StartNodes starts so many nodes on one sqld primary and replica, behind HAProxy if balanced.
func StartNodes(ctx context.Context, h *Host, nodes int, balanced bool) (*Instance, error) {
	return startNodes(ctx, h, nodes, true, balanced, nil)
}

func startNodes(ctx context.Context, h *Host, nodes int, sqld, balanced bool, flags []string) (*Instance, error) {
	return assemble(func(i *Instance) error {
		config := nodetest.ServeConfig{Binary: h.binary, Flags: append([]string{"--log-level", "warn"}, flags...)}
		if sqld {
			if err := i.onSqld(ctx, h, &config); err != nil {
				return err
			}
		}
		var started []*nodetest.NodeProcess
		for range nodes {
			node, err := i.node(ctx, h, config)
			if err != nil {
				return err
			}
			config.Join = []string{node.GossipAddr()}
			started = append(started, node)
			i.URLs = append(i.URLs, node.URL())
		}
		if balanced {
			balancer, err := i.balance(ctx, h, started)
			if err != nil {
				return err
			}
			i.front = []string{balancer}
		}
		if i.front == nil {
			i.front = i.URLs
		}
		i.Open = func(measure string, s Size) (workload.Workload, error) {
			w, err := i.openKeyval(measure, s)
			return caughtUp{w, started}, err
		}
		ctx, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		return catchUp(ctx, started)
	})
}

func (i *Instance) onSqld(ctx context.Context, h *Host, config *nodetest.ServeConfig) error {
	dir, err := h.directory("sqld")
	if err != nil {
		return err
	}
	pair, err := nodetest.StartSqldPair(ctx, dir)
	if err != nil {
		return err
	}
	i.owns(pair.Close)
	i.has(Primary, pair.Primary.Process())
	i.has(Replica, pair.Replica.Process())
	config.LibsqlURL, config.ReplicaURL = pair.Primary.HTTPURL(), pair.Replica.HTTPURL()
	return nil
}

func (i *Instance) node(ctx context.Context, h *Host, config nodetest.ServeConfig) (*nodetest.NodeProcess, error) {
	dir, err := h.directory("keyval")
	if err != nil {
		return nil, err
	}
	config.Dir = dir
	node, err := nodetest.NewNodeProcess(config)
	if err != nil {
		return nil, err
	}
	i.owns(node.Close)
	if err := node.Start(ctx); err != nil {
		return nil, err
	}
	i.has(Node, node.Process())
	return node, nil
}

// balance starts the shipped balancer. All clients have one address here, by which it would
// keep them all on one node: they are spread as those are that send back their versionstamp.
func (i *Instance) balance(ctx context.Context, h *Host, nodes []*nodetest.NodeProcess) (url string, err error) {
	config, err := os.ReadFile(filepath.Join(h.Source, "deploy", "haproxy.cfg"))
	if err != nil {
		return "", err
	}
	var env []string
	for n, node := range nodes {
		env = append(env, fmt.Sprintf("KEYVAL_NODE_%d=%s", n+1, node.HTTPAddr()))
	}
	balancer, err := nodetest.StartHAProxy(ctx, nodetest.HAProxyConfig{
		Config: strings.ReplaceAll(string(config), "default_backend same_node", "default_backend any_node"),
		Listen: []string{"KEYVAL_LISTEN", "KEYVAL_STATS"},
		Env:    env,
	})
	if err != nil {
		return "", err
	}
	i.owns(balancer.Close)
	i.has(Balancer, balancer.Process())
	return balancer.URL("KEYVAL_LISTEN"), nil
}

// named is keyval's own name for a measure.
func named(measure string) string {
	if measure == Sum {
		return "hot-counter"
	}
	return measure
}

// openKeyval is what "keyval bench" does, without its command line. Behind a balancer the
// workers ask that, and watchers are on another node than those who write.
func (i *Instance) openKeyval(measure string, s Size) (workload.Workload, error) {
	settings := workload.Defaults()
	settings.Connections = s.Connections
	settings.Prefix = api.Key{"bench", prefixOf(measure)}
	settings.URLs = i.front
	switch measure {
	case Put, Get, Atomic, List, Filter, Search:
		settings.Keys, settings.ValueBytes = s.Keys, s.ValueBytes
		settings.OwnKeys = measure == Atomic // as the peers' workers
	case Queue:
		settings.ValueBytes = s.ValueBytes
	case Watch:
		settings.ValueBytes, settings.Watchers = s.ValueBytes, s.Watchers
		settings.URLs = i.URLs
	}
	return workload.Open(named(measure), settings)
}

// prefixOf lets what reads and what writes work on the same keys.
func prefixOf(measure string) string {
	if measure == Get {
		return Put
	}
	return measure
}
