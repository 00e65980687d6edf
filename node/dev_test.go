package node_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// Nothing is wrong, so nothing is warned of, and being told to stop is no failure.
func TestADevelopmentClusterStartsAndStopsWithoutAWarning(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"embedded", "sqld"} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			cfg := testnode.NodeConfig(t.TempDir())
			if on == "sqld" {
				cfg.LibsqlURL = nodetest.MustStartPrimary(t).HTTPURL()
			}
			var log journal
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- node.RunDev(ctx, node.DevConfig{Nodes: 3, Node: cfg, Logger: func(int) *slog.Logger { return log.logger() }})
			}()
			// Each follower has met the log that it lacks once it knows the leader.
			await.That(t, "three nodes know who leads", func() bool { return strings.Count(log.String(), "msg=leader ") >= 3 })
			cancel(errors.New("received interrupt"))
			if err := <-ended; err != nil {
				t.Errorf("got %v, want a clean end", err)
			}
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
					if !tellsOfASlowMachine(line) {
						t.Errorf("on a healthy start and stop: %s", line)
					}
				}
			}
		})
	}
}

// tellsOfASlowMachine tells a warning of nodes that had no processor for a second from
// one that something is wrong.
func tellsOfASlowMachine(line string) bool {
	late := []string{
		"timeout", "failed to contact", "stepping down",
		// Of one whose timeout it was, who asks to be voted for.
		"vote request since we have a leader", "vote request since our last term is greater", "vote request since our last index is greater",
		// What gossip says when an answer to a probe was late, and when the one who was late hears of it.
		"UDP probes failed", "Refuting a suspect message", "Refuting a dead message",
	}
	return slices.ContainsFunc(late, func(part string) bool { return strings.Contains(line, part) })
}
