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
	c.prepare(p)
	boundMemory(&cfg)
	collectLess()
	if p.hangUps != nil {
		cfg.Reload = p.hangUps()
	}
	return c.observed(ctx, &cfg, from, p, func(ctx context.Context) error {
		return measured(ctx, from.env, &cfg, node.Run)
	})
}

// otherMemory is how much a node takes beside bodies and answers, garbage included.
const otherMemory = 128 << 20

// boundMemory keeps garbage from making the process large: answers of 64 MiB leave as
// much as they are. So the collector works harder from a limit on. Where the environment
// says which, half of it is for what is in use, which is bounded by the settings.
func boundMemory(cfg *node.Config) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(cfg.MaxMemoryInFlight + otherMemory)
		return
	}
	cfg.MaxMemoryInFlight = withinLimit(cfg.MaxMemoryInFlight, debug.SetMemoryLimit(-1))
}

// withinLimit is how much may be in flight under a limit of the collector's.
func withinLimit(inFlight, limit int64) int64 {
	return min(inFlight, max(limit/2, node.MinMemoryInFlight))
}
