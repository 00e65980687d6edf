package main

import (
	"context"
	"fmt"

	"github.com/buntime/keyval/node"
)

type incarnationCmd struct {
	Raise incarnationRaiseCmd `cmd:"" help:"Raise the incarnation after the database was restored or replaced."`
}

type incarnationRaiseCmd struct {
	databaseCommand
}

func (c *incarnationRaiseCmd) Run(ctx context.Context, from *layers, p process) error {
	cfg, err := c.nodeConfig(from, p)
	if err != nil {
		return err
	}
	incarnation, err := node.RaiseIncarnation(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "the incarnation of %s is now %d\n", node.RedactURL(cfg.LibsqlURL), incarnation)
	return err
}

// databaseCommand is a command that changes the primary without running a node.
type databaseCommand struct {
	databaseSettings `group:"database"`
	logSettings      `group:"log"`
	configFile
}

func (c databaseCommand) nodeConfig(from *layers, p process) (node.Config, error) {
	cfg := node.DefaultConfig()
	c.databaseSettings.apply(&cfg)
	cfg.Version = version()
	cfg.Logger = c.logger(p.stderr)
	for _, warning := range from.warnings() {
		cfg.Logger.Warn(warning)
	}
	return cfg, from.validate(cfg)
}
