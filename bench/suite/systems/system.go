// Package systems starts what is measured side by side, keyval in its shapes and what a user
// would pick instead, and does the same work to each through its own best client.
package systems

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/buntime/keyval/bench/suite/cputime"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/node/nodetest"
)

// What is measured. Each system can do some of it.
const (
	Put    = "put"
	Get    = "get"
	Sum    = "sum"
	Atomic = "atomic"
	List   = "list"
	Queue  = "queue"
	Filter = "filter"
	Search = "search"
	Watch  = "watch"
)

// A System can be started on this machine, in a directory of its own.
type System struct {
	Name string
	// Configuration is how it is started, and Durability what an answered write has
	// survived, both for the reader of the table.
	Configuration, Durability string
	// Start returns when it answers. ctx bounds the start only.
	Start func(ctx context.Context, host *Host) (*Instance, error)
	// Only are the measures that it is for; empty is all but those that it Cannot, which
	// tells why.
	Only   []string
	Cannot map[string]string
	// Version is that of the program that keeps the data.
	Version func(ctx context.Context, host *Host) (program, version string, err error)
}

// An Instance is a running system.
type Instance struct {
	// Open returns a workload against it, of a measure that the system takes.
	Open func(measure string, s Size) (workload.Workload, error)
	// URLs are where keyval's nodes answer, and front where clients ask: the same, or
	// the balancer.
	URLs  []string
	front []string
	// Programs are what it consists of.
	Programs []cputime.Program
	parts    []func() error
}

// Size is how much there is to work on.
type Size struct {
	Connections, Keys int
	// ValueBytes are the least and the greatest size of a value.
	ValueBytes [2]int
	Watchers   int
}

// owns adds what Close ends.
func (i *Instance) owns(closers ...func() error) {
	i.parts = append(i.parts, closers...)
}

// has adds a program to those that it consists of.
func (i *Instance) has(name string, process *nodetest.Process) {
	i.Programs = append(i.Programs, cputime.Program{Name: name, PID: process.PID()})
}

// Close ends what the system consists of, the last started first.
func (i *Instance) Close() error {
	var errs []error
	for _, part := range slices.Backward(i.parts) {
		errs = append(errs, part())
	}
	i.parts = nil
	return errors.Join(errs...)
}

// assemble makes an instance. Of one that cannot be completed nothing is left.
func assemble(complete func(i *Instance) error) (*Instance, error) {
	i := &Instance{}
	if err := complete(i); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// Host is where systems are started.
type Host struct {
	// Source is the directory of keyval's module, Dir what everything is written below.
	Source, Dir string
	binary      string
	nats        string
}

// NewHost makes a directory below the system's temporary one, and builds keyval into it.
func NewHost(ctx context.Context, source string) (*Host, error) {
	dir, err := os.MkdirTemp("", "keyval-suite-*")
	if err != nil {
		return nil, err
	}
	h := &Host{Source: source, Dir: dir}
	if h.binary, err = nodetest.BuildKeyval(ctx, source, dir); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Keyval is the version of what NewHost has built.
func (h *Host) Keyval(ctx context.Context) (string, error) {
	return firstLine(ctx, "keyval ", h.binary, "version")
}

// Close removes the directory.
func (h *Host) Close() error { return os.RemoveAll(h.Dir) }

// directory makes an empty one.
func (h *Host) directory(name string) (string, error) {
	return os.MkdirTemp(h.Dir, name+"-*")
}

// find returns a program's file, or an error that says how to get it.
func find(name, hint string) (string, error) {
	for _, place := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed (run: %s): %w", name, hint, nodetest.ErrToolMissing)
}

// ports reserves addresses for a program; they are given back when the instance closes.
func (i *Instance) ports(n int) ([]string, error) {
	var addrs []string
	for range n {
		port, err := nodetest.ReservePort()
		if err != nil {
			return nil, err
		}
		i.owns(port.Close)
		addrs = append(addrs, port.Addr())
	}
	return addrs, nil
}

// place is a directory for a program, and so many addresses.
func (i *Instance) place(host *Host, name string, ports int) (dir string, addrs []string, err error) {
	if dir, err = host.directory(name); err != nil {
		return "", nil, err
	}
	addrs, err = i.ports(ports)
	return dir, addrs, err
}

// run starts a program and waits until ready says that it answers.
func (i *Instance) run(ctx context.Context, command nodetest.Command, ready func(context.Context) error) error {
	process := nodetest.NewProcess(command)
	if err := process.Start(); err != nil {
		return err
	}
	i.owns(process.Close)
	i.has(filepath.Base(command.Path), process)
	if err := starts(ctx, process, ready); err != nil {
		return fmt.Errorf("%s does not answer: %w; its log:\n%s", command.Path, err, process.Logs())
	}
	return nil
}
