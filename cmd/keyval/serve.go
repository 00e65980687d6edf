package main

import (
	"context"
	"os"
	"runtime/debug"

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
	boundMemory()
	return c.observed(ctx, &cfg, from, p, func(ctx context.Context) error {
		return node.Run(ctx, cfg)
	})
}

// memoryLimit is from how much memory on the collector works harder, if the environment
// does not say.
const memoryLimit = 384 << 20

// boundMemory keeps garbage from making the process large: answers of 64 MiB leave as
// much as they are. What is in use is bounded elsewhere.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
