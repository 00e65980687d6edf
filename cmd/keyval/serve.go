package main

import (
	"context"

	"github.com/buntime/keyval/node"
)

type serveCmd struct {
	settings
}

func (c *serveCmd) Run(ctx context.Context, from *layers, p process) error {
	cfg, err := c.nodeConfig(from)
	if err != nil {
		return err
	}
	return c.observed(ctx, &cfg, from, p, func(ctx context.Context) error {
		return node.Run(ctx, cfg)
	})
}
