package node_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

func TestARollingRestartFailsNoRequest(t *testing.T) {
	t.Parallel()
	binary := keyval(t)
	rollOver(t, binary, binary)
}

func TestARollingUpgradeFromThePreviousCommitFailsNoRequest(t *testing.T) {
	t.Parallel()
	rollOver(t, buildPrevious(t), keyval(t))
}

// rollOver replaces all nodes of a deployment, one by one, under load through the
// load balancer: through the typed client, and plain requests that nobody repeats.
func rollOver(t *testing.T, from, to string) {
	d := deploy(t, from)
	balanced, err := client.New(d.url(), client.WithRetry(client.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(balanced.CloseIdleConnections)
	load := startTraffic(t, 6, typed{Client: balanced}, newPlain(t, d.url()))
	for _, n := range d.nodes {
		stopNode(t, n)
		n.Configure(func(config *nodetest.ServeConfig) { config.Binary = to })
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// As an operator or a controller would: the next one when this one is back.
		d.awaitWhole(t)
		await.That(t, "the balancer gives the node requests again", func() bool { return d.upAt(t, n) })
	}
	load.stop()
	load.mustNotFail(t)
	load.mustBeThere(t, newPlain(t, d.url()).strongly())
}

// upAt tells whether the balancer finds the node up, in both of its backends.
func (d *deployment) upAt(t *testing.T, n *nodetest.NodeProcess) bool {
	t.Helper()
	states := balancerStates(t, d.balancer)
	for i, known := range d.nodes {
		if known == n {
			return states[i] == [2]string{"UP", "UP"}
		}
	}
	return false
}

// stopNode ends a node with SIGTERM and fails the test unless it ends cleanly.
func stopNode(t *testing.T, n *nodetest.NodeProcess) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Fatalf("stop the node: %v", err)
	}
}

// buildPrevious builds the command of the commit before the checked out one.
func buildPrevious(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	archive := exec.CommandContext(t.Context(), "git", "archive", "HEAD~1")
	archive.Dir = ".."
	var tree, complaint bytes.Buffer
	archive.Stdout, archive.Stderr = &tree, &complaint
	if err := archive.Run(); err != nil {
		t.Skipf("SKIPPED, nothing was tested: there is no previous commit to build (a shallow clone, or no git): %v: %s", err, complaint.Bytes())
	}
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", source)
	unpack.Stdin = &tree
	if output, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack the previous commit: %v: %s", err, output)
	}
	if _, err := os.Stat(filepath.Join(source, "cmd", "keyval")); err != nil {
		t.Skip("SKIPPED, nothing was tested: the previous commit has no command yet")
	}
	binary, err := nodetest.BuildKeyval(t.Context(), source, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
