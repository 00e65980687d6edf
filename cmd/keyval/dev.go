package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/buntime/keyval/node"
)

type devCmd struct {
	Nodes            int    `default:"3" placeholder:"N" help:"How many nodes run."`
	HTTPAddr         string `group:"http" env:"KEYVAL_HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the first node's API listens; each further node takes the next port."`
	accessSettings   `group:"http"`
	databaseSettings `group:"database"`
	dataSettings     `group:"data"`
	logSettings      `group:"log"`
	profileSettings  `group:"measuring"`
	configFile
}

func (c *devCmd) Run(ctx context.Context, from *layers, p process) error {
	cfg, err := c.devConfig(from)
	if err != nil {
		return err
	}
	c.prepare(p)
	_, plain := from.env("NO_COLOR")
	cfg.Logger = c.loggers(p.stderr, isTerminal(p.stderr) && !plain)
	return c.observed(ctx, &cfg.Node, from, p, func(ctx context.Context) error {
		return node.RunDev(ctx, cfg)
	})
}

// loggers tell the nodes apart: by the beginning of each line for people, by a
// member for machines.
func (c *devCmd) loggers(stderr io.Writer, color bool) func(i int) *slog.Logger {
	logs := c.logSettings
	if logs.LogFormat == "auto" && isTerminal(stderr) {
		logs.LogFormat = "text"
	}
	return func(i int) *slog.Logger {
		if logs.LogFormat == "text" {
			return logs.logger(nodeWriter{stderr, i, color})
		}
		return logs.logger(stderr).With("dev_node", i+1)
	}
}

// A nodeWriter begins each line of the log with the node that it is about.
type nodeWriter struct {
	to    io.Writer
	node  int
	color bool
}

func (w nodeWriter) Write(line []byte) (int, error) {
	prefix := fmt.Sprintf("[node %d] ", w.node+1)
	if w.color {
		prefix = fmt.Sprintf("\x1b[%dm%s\x1b[0m", 31+(w.node+1)%6, prefix)
	}
	if _, err := w.to.Write(append([]byte(prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

func (c *devCmd) devConfig(from *layers) (node.DevConfig, error) {
	if c.Nodes < 1 {
		return node.DevConfig{}, from.badSetting("nodes", "is below 1")
	}
	cfg := node.DefaultConfig()
	cfg.HTTPAddr = c.HTTPAddr
	c.accessSettings.apply(&cfg)
	c.databaseSettings.apply(&cfg)
	c.dataSettings.apply(&cfg)
	cfg.PprofAddr = c.PprofAddr
	cfg.Ephemeral = true
	cfg.DrainDelay = 0 // nobody balances load over these nodes
	cfg.DrainTimeout = 5 * time.Second
	cfg.Version = version()
	return node.DevConfig{Nodes: c.Nodes, Node: cfg}, from.validate(cfg)
}
