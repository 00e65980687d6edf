package nodetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/client"
)

// BuildKeyval builds the command from the source in the module directory source,
// static as it is shipped, and returns its file in dir.
func BuildKeyval(ctx context.Context, source, dir string) (string, error) {
	file := filepath.Join(dir, "keyval")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", file, "./cmd/keyval")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build keyval: %w\n%s", err, output)
	}
	return file, nil
}

// ServeConfig says how a node runs as a process of its own.
type ServeConfig struct {
	// Binary is the command's file, see [BuildKeyval].
	Binary string
	// Dir is the working directory. It holds the node's data directory, and the
	// embedded database if LibsqlURL is empty.
	Dir string
	// LibsqlURL and ReplicaURL are the libSQL servers. Empty: an embedded
	// database; reads go to the primary.
	LibsqlURL, ReplicaURL string
	// Join are gossip addresses of other nodes.
	Join []string
	// Host is the IP address of the node. Empty: 127.0.0.1, with ports that are
	// reserved for it. Otherwise the standard ports.
	Host string
	// Prefix is a command that runs the node, such as "ip netns exec NAME".
	Prefix []string
	// Flags are further ones of serve.
	Flags []string
}

// NodeProcess is a node that is a process of its own: it can be killed, paused
// and started again on the same addresses and data directory. Its methods may be
// called by several goroutines at once, but for those that start and end it.
type NodeProcess struct {
	process *Process
	config  ServeConfig
	ports   []*Port

	httpAddr, gossipAddr, raftAddr string
	// Client is a client of this node alone. It repeats failed requests.
	Client *client.Client
}

// servingLine is what a node says on standard output when it is ready.
const servingLine = "keyval: serving on "

// NewNodeProcess reserves a node's addresses without starting it.
func NewNodeProcess(config ServeConfig) (_ *NodeProcess, err error) {
	n := &NodeProcess{config: config}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	n.httpAddr, n.gossipAddr, n.raftAddr = net.JoinHostPort(config.Host, "8080"), net.JoinHostPort(config.Host, "7946"), net.JoinHostPort(config.Host, "7947")
	if config.Host == "" {
		for _, addr := range []*string{&n.httpAddr, &n.gossipAddr, &n.raftAddr} {
			port, err := ReservePort()
			if err != nil {
				return nil, err
			}
			n.ports = append(n.ports, port)
			*addr = port.Addr()
		}
	}
	if n.Client, err = client.New(n.URL()); err != nil {
		return nil, err
	}
	n.process = NewProcess(n.command())
	return n, nil
}

func (n *NodeProcess) command() Command {
	args := append([]string{}, n.config.Prefix...)
	args = append(args, n.config.Binary, "serve",
		"--http-addr", n.httpAddr, "--gossip-addr", n.gossipAddr, "--raft-addr", n.raftAddr, "--log-format", "text")
	if n.config.LibsqlURL != "" {
		args = append(args, "--libsql-url", n.config.LibsqlURL)
	}
	if n.config.ReplicaURL != "" {
		args = append(args, "--libsql-replica-url", n.config.ReplicaURL)
	}
	for _, seed := range n.config.Join {
		args = append(args, "--join", seed)
	}
	args = append(args, n.config.Flags...)
	return Command{Path: args[0], Args: args[1:], Dir: n.config.Dir}
}

// Start starts the node and returns when it says that it serves. On failure the
// error carries the end of its log. ctx bounds the start; without a deadline it
// takes at most 2 minutes.
func (n *NodeProcess) Start(ctx context.Context) error {
	before := n.process.logs.written()
	if err := n.process.Start(); err != nil {
		return err
	}
	err := waitReady(ctx, n.process, func(context.Context) error {
		if !strings.Contains(n.process.logs.after(before), servingLine) {
			return errors.New("it has not said that it serves")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w; its log ends:\n%s", err, lastLines(n.Logs(), 30))
	}
	return nil
}

// Configure changes what the next Start runs: another program for an upgrade, seeds
// whose addresses were not known before. Host cannot be changed.
func (n *NodeProcess) Configure(change func(*ServeConfig)) {
	change(&n.config)
	n.process.replace(n.command())
}

// URL is the address of the API.
func (n *NodeProcess) URL() string { return "http://" + n.httpAddr }

// HTTPAddr is the address of the API as host:port.
func (n *NodeProcess) HTTPAddr() string { return n.httpAddr }

// GossipAddr is what others join.
func (n *NodeProcess) GossipAddr() string { return n.gossipAddr }

// Process is the node's process, for its id, its exit and other signals.
func (n *NodeProcess) Process() *Process { return n.process }

// Logs returns the last 256 KiB that the node wrote in all its lives.
func (n *NodeProcess) Logs() string { return n.process.Logs() }

// Kill ends the node with SIGKILL and waits for it.
func (n *NodeProcess) Kill() error { return n.process.Kill() }

// Pause stops the node with SIGSTOP: connections stay open, nothing answers.
func (n *NodeProcess) Pause() error { return n.process.Pause() }

// Resume wakes a paused node with SIGCONT.
func (n *NodeProcess) Resume() error { return n.process.Resume() }

// Stop ends the node with SIGTERM and waits until it has drained, within ctx.
func (n *NodeProcess) Stop(ctx context.Context) error { return n.process.Stop(ctx) }

// Close kills the node and gives its ports back.
func (n *NodeProcess) Close() error {
	var err error
	if n.process != nil {
		err = n.process.Kill()
	}
	if n.Client != nil {
		n.Client.CloseIdleConnections()
	}
	for _, port := range n.ports {
		err = errors.Join(err, port.Close())
	}
	return err
}

// MustStartNodeProcess starts a node as a process for the length of a test. If
// the test fails, it shows the end of its log.
func MustStartNodeProcess(tb TB, config ServeConfig) *NodeProcess {
	tb.Helper()
	n, err := NewNodeProcess(config)
	Check(tb, err)
	closeWithTest(tb, n, "the node at "+n.httpAddr)
	Check(tb, n.Start(tb.Context()))
	return n
}

// RunToExit runs a command to its end, for one that is expected to end by itself,
// and returns its exit code and what it wrote to standard error. ctx bounds it.
func RunToExit(ctx context.Context, command Command) (code int, stderr string, err error) {
	var wrote strings.Builder
	cmd := exec.CommandContext(ctx, command.Path, command.Args...)
	cmd.Env, cmd.Dir, cmd.Stderr = append(os.Environ(), command.Env...), command.Dir, &wrote
	cmd.WaitDelay = time.Second
	dieWithParent(cmd)
	err = cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); exited && ctx.Err() == nil {
		err = nil
	}
	if cmd.ProcessState == nil {
		return -1, wrote.String(), err
	}
	return cmd.ProcessState.ExitCode(), wrote.String(), err
}
