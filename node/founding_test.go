package node_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// hasLeader tells whether a node knows who leads.
func hasLeader(t *testing.T, n *nodetest.NodeProcess) func() bool {
	return func() bool {
		status, err := n.Client.Cluster(t.Context())
		return err == nil && status.Leader != nil
	}
}

// runDevUntilItLeads runs a development cluster until its nodes know a leader.
func runDevUntilItLeads(t *testing.T, libsqlURL string) {
	t.Helper()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL = libsqlURL
	var log journal
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- node.RunDev(ctx, node.DevConfig{Nodes: 3, Node: cfg, Logger: func(int) *slog.Logger { return log.logger() }})
	}()
	await.That(t, "three nodes know who leads", func() bool { return strings.Count(log.String(), "msg=leader ") >= 3 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnEmbeddedDatabaseHasALeaderWhoeverHasFoundedOnItBefore(t *testing.T) {
	t.Parallel()
	file := "file:" + filepath.Join(t.TempDir(), "keyval.db")
	config := nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: file}
	first := nodetest.MustStartNodeProcess(t, config)
	await.That(t, "the first node leads", hasLeader(t, first))
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	runDevUntilItLeads(t, file)
	// Its state is of a founding that is over.
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the first node leads again", hasLeader(t, first))
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	config.Dir = t.TempDir()
	await.That(t, "a node with a new data directory leads", hasLeader(t, nodetest.MustStartNodeProcess(t, config)))
}

func TestALostDataDirectoryOnAServerIsOneCommandAwayFromALeader(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	config := nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: primary.HTTPURL()}
	lost := nodetest.MustStartNodeProcess(t, config)
	await.That(t, "the first node leads", hasLeader(t, lost))
	if err := lost.Kill(); err != nil {
		t.Fatal(err)
	}
	config.Dir = t.TempDir()
	left := nodetest.MustStartNodeProcess(t, config)
	await.That(t, "it says what it waits for", func() bool {
		return strings.Contains(left.Logs(), "waiting to be added by the leader of the cluster") &&
			strings.Contains(left.Logs(), "founder=")
	})
	if !ready(t.Context(), left.URL()) {
		t.Error("it is not ready, though requests need no leader")
	}
	recover := func() (code int, stderr string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		code, stderr, err := nodetest.RunToExit(ctx, nodetest.Command{Path: keyval(t), Dir: config.Dir,
			Args: []string{"cluster", "recover", "--libsql-url", primary.HTTPURL()}})
		if err != nil {
			t.Fatal(err)
		}
		return code, stderr
	}
	if code, stderr := recover(); code != 1 || !strings.Contains(stderr, "another process uses it") {
		t.Errorf("while the node runs: exit code %d and %q", code, stderr)
	}
	if err := left.Kill(); err != nil {
		t.Fatal(err)
	}
	touch := func(renewed string) {
		if _, err := primary.Query(t.Context(), "UPDATE keyval_founding SET renewed_at="+renewed); err != nil {
			t.Fatal(err)
		}
	}
	touch("(SELECT time FROM keyval_sequence)+600000")
	if code, stderr := recover(); code != 1 || !strings.Contains(stderr, "nothing to recover") || !strings.Contains(stderr, "try again in") {
		t.Errorf("while a leader was just there: exit code %d and %q", code, stderr)
	}
	touch("0")
	if code, stderr := recover(); code != 0 {
		t.Fatalf("exit code %d and %q", code, stderr)
	}
	if err := left.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the node that is left leads", hasLeader(t, left))
}
