package otel_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/buntime/keyval/node/nodetest"
)

const root = "../.."

// keyval is the binary, as it is shipped.
var keyval string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "keyval-otel-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if keyval, err = nodetest.BuildKeyval(context.Background(), root, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// A node is a process that sends its telemetry to a receiver.
type node struct {
	t       *testing.T
	url     string
	process *exec.Cmd
}

func mustStart(t *testing.T, to *receiver, env ...string) *node {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	t.Cleanup(cancel)
	process := exec.CommandContext(ctx, keyval, "serve", "--ephemeral",
		"--http-addr=127.0.0.1:0", "--gossip-addr=127.0.0.1:0", "--raft-addr=127.0.0.1:0")
	process.Dir = t.TempDir()
	process.Env = append(append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+to.url), env...)
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &node{t, strings.TrimSpace(strings.TrimPrefix(line, "keyval: serving on ")), process}
}

// stop ends the node, which sends what is left first.
func (n *node) stop() {
	n.t.Helper()
	if err := n.process.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	if err := n.process.Wait(); err != nil {
		n.t.Errorf("the node ended with %v", err)
	}
}
