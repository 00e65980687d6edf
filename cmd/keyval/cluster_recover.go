package main

import (
	"context"
	"fmt"

	"github.com/buntime/keyval/node"
)

// clusterRecoverCmd takes all settings of serve: what it recovers is the node that
// serve would run with them.
type clusterRecoverCmd struct {
	settings
}

func (c *clusterRecoverCmd) Run(ctx context.Context, from *layers, p process) error {
	cfg, err := c.nodeConfig(from)
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(p.stderr)
	for _, warning := range from.warnings() {
		cfg.Logger.Warn(warning)
	}
	done, err := node.RecoverCluster(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, map[string]string{
		"refounded": "the cluster on %s is founded again with this node alone; start it, then run this command on the others that have their data directories\n",
		"released":  "the cluster on %s is founded again by the first ephemeral node that starts\n",
		"reset":     "this node's raft state is gone; start it, and it joins the cluster on %s\n",
	}[done], node.RedactURL(cfg.LibsqlURL))
	return err
}
