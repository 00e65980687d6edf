package node_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// What an operator can get wrong about a cluster: one clear line, and exit 2 if a
// change of settings is the only cure.

// The keys of gossip in these tests: 16 bytes in base64.
const (
	gossipKey      = "MDEyMzQ1Njc4OWFiY2RlZg=="
	otherGossipKey = "ZmVkY2JhOTg3NjU0MzIxMA=="
)

// refused runs a node that is expected to end by itself with 2, and returns what it
// said last.
func refused(t *testing.T, flags ...string) string {
	t.Helper()
	return ended(t, 2, flags...)
}

// ended is refused with another exit code.
func ended(t *testing.T, want int, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	args := append([]string{"serve", "--http-addr", "127.0.0.1:0", "--gossip-addr", "127.0.0.1:0", "--raft-addr", "127.0.0.1:0", "--log-format", "text"}, flags...)
	code, stderr, err := nodetest.RunToExit(ctx, nodetest.Command{Path: keyval(t), Args: args, Dir: dir})
	if err != nil {
		t.Fatalf("serve %v did not end: %v; it said\n%s", flags, err, stderr)
	}
	if code != want {
		t.Errorf("serve %v: exit code %d, want %d; it said\n%s", flags, code, want, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	return lines[len(lines)-1]
}

func TestASettingThatCannotWorkIsOneLineAndExit2(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		flags []string
		says  []string // all of them, in the last line
	}{
		{"an advertised address that is no IP", []string{"--gossip-advertise", "node-1:7946"}, []string{"gossip-advertise", `"node-1"`, "IP"}},
		{"the same for raft", []string{"--raft-advertise", "node-1:7947"}, []string{"raft-advertise", `"node-1"`, "IP"}},
		{"a gossip key of no known length", []string{"--gossip-key", "c2hvcnQ="}, []string{"gossip-key", "16, 24 or 32"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			line := refused(t, test.flags...)
			for _, part := range append(test.says, "keyval: ") {
				if !strings.Contains(line, part) {
					t.Errorf("got %q, want a line with %q", line, part)
				}
			}
			if strings.Contains(line, "c2hvcnQ=") {
				t.Errorf("the key is in the error: %s", line)
			}
		})
	}
}

// A supervisor that restarts after 1 and not after 2 gets over it.
func TestAnAddressInUsePassesWithTimeSoItIsExit1(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for _, setting := range []string{"http-addr", "gossip-addr", "raft-addr"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			line := ended(t, 1, "--"+setting, taken.Addr().String())
			for _, part := range []string{"keyval: " + setting + ": cannot listen on " + taken.Addr().String(), "address already in use", "choose another with --" + setting} {
				if !strings.Contains(line, part) {
					t.Errorf("got %q, want a line with %q", line, part)
				}
			}
		})
	}
}

func TestASecondNodeThatMayNotJoinIsOneLineAndExit2(t *testing.T) {
	t.Parallel()
	sqld, other := nodetest.MustStartPrimary(t), nodetest.MustStartPrimary(t)
	first := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
		Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: sqld.HTTPURL(), Flags: []string{"--node-id", "one"},
	})
	for _, test := range []struct {
		name  string
		flags []string
		says  string
	}{
		{"its name is that of a node that is alive", []string{"--libsql-url", sqld.HTTPURL(), "--node-id", "one"}, "this node id is alive"},
		{"its database is another one", []string{"--libsql-url", other.HTTPURL(), "--node-id", "two"}, "another database"},
	} {
		t.Run(test.name, func(t *testing.T) {
			line := refused(t, append(test.flags, "--join", first.GossipAddr())...)
			if !strings.Contains(line, test.says) || !strings.Contains(line, "one at 127.0.0.1:") && !strings.Contains(line, first.GossipAddr()) {
				t.Errorf("got %q, want a line with %q and where the other node is", line, test.says)
			}
			await.That(t, "the first node is ready still", func() bool { return ready(t.Context(), first.URL()) })
		})
	}
}

func TestADatabaseDirectoryThatIsMissingIsOneLine(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	missing := filepath.Join(t.TempDir(), "no", "such", "keyval.db")
	code, stderr, err := nodetest.RunToExit(ctx, nodetest.Command{
		Path: keyval(t), Dir: t.TempDir(),
		Args: []string{"serve", "--http-addr", "127.0.0.1:0", "--gossip-addr", "127.0.0.1:0", "--raft-addr", "127.0.0.1:0", "--libsql-url", "file:" + missing},
	})
	if err != nil || code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, missing) {
		t.Errorf("got exit code %d, %v and %q; want one line that names %s", code, err, stderr, missing)
	}
}

// A stranger is complained about and tried again: keys are rotated and seeds come
// back without a restart. Meanwhile the node serves.
func TestANodeThatCannotJoinServesAloneAndKeepsTrying(t *testing.T) {
	t.Parallel()
	sqld := nodetest.MustStartPrimary(t)
	first := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
		Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: sqld.HTTPURL(), Flags: []string{"--gossip-key", gossipKey},
	})
	unused := nodetest.MustReserveAddr(t)
	for _, test := range []struct {
		name  string
		seed  string
		flags []string
	}{
		{"with a wrong gossip key", first.GossipAddr(), []string{"--gossip-key", otherGossipKey}},
		{"without a gossip key", first.GossipAddr(), nil},
		{"with another cluster's name", first.GossipAddr(), []string{"--gossip-key", gossipKey, "--cluster-name", "other"}},
		{"with nobody at its seed", unused, []string{"--gossip-key", gossipKey}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stranger := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{
				Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: sqld.HTTPURL(), Join: []string{test.seed}, Flags: test.flags,
			})
			await.That(t, "it says that it cannot join, and whom", func() bool {
				for line := range strings.Lines(stranger.Logs()) {
					if strings.Contains(line, "cannot join") && strings.Contains(line, test.seed) {
						return true
					}
				}
				return false
			})
			if err := newPlain(t, stranger.URL()).put(t.Context(), "k", 1); err != nil {
				t.Errorf("it does not serve: %v", err)
			}
			for _, n := range []*nodetest.NodeProcess{first, stranger} {
				status, err := n.Client.Cluster(t.Context())
				if err != nil || len(status.Members) != 1 {
					t.Errorf("members: got %v, %v, want the node alone", status.Members, err)
				}
			}
			if strings.Contains(stranger.Logs(), gossipKey) || strings.Contains(stranger.Logs(), otherGossipKey) {
				t.Error("a key is in the log")
			}
		})
	}
}
