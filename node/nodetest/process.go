package nodetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// ErrProcessRunning is returned by [Process.Start] while the program runs.
var ErrProcessRunning = errors.New("process is already running")

// ErrProcessNotRunning is returned when a signal has nobody to go to.
var ErrProcessNotRunning = errors.New("process is not running")

// stopGrace is how long Close lets a program end by itself before it kills it.
const stopGrace = 5 * time.Second

// Command says how to run a program.
type Command struct {
	// Path is the program's file.
	Path string
	// Args are its arguments, without the program's name.
	Args []string
	// Env is added to this process's environment; later entries win.
	Env []string
	// Dir is the working directory; empty is this process's own.
	Dir string
}

// Process is a child process that can be ended, killed, paused and started
// again. Its methods may be called by several goroutines at once.
type Process struct {
	command Command
	logs    *tailBuffer

	mu      sync.Mutex // covers the fields below
	running *run       // nil before the first start
}

// run is one life of a Process.
type run struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed after the process was waited for
	err    error         // its exit error; read only after exited is closed
}

// NewProcess prepares a process without starting it.
func NewProcess(command Command) *Process {
	return &Process{command: command, logs: newTailBuffer()}
}

// Start starts the program and returns at once: whether it is ready is for the
// caller to find out. It may be called again after the program has ended.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil && !p.running.over() {
		return fmt.Errorf("start %s: %w", p.command.Path, ErrProcessRunning)
	}
	r, err := launch(p.command, p.logs)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.command.Path, err)
	}
	p.running = r
	return nil
}

// replace changes what the next Start starts.
func (p *Process) replace(command Command) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.command = command
}

// path is the program's file, for errors.
func (p *Process) path() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.command.Path
}

// launch starts a command and the goroutine that waits for it.
//
// The kernel ties the "die with the parent" signal to the thread that created
// the child, not to the process. The goroutine that starts the child therefore
// keeps its thread to itself until the child has ended: neither the caller nor
// the scheduler can end that thread early.
func launch(command Command, logs *tailBuffer) (*run, error) {
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Env = append(os.Environ(), command.Env...)
	cmd.Dir = command.Dir
	cmd.Stdout, cmd.Stderr = logs, logs
	// A grandchild that keeps the output open must not hold up Wait for ever.
	cmd.WaitDelay = stopGrace
	dieWithParent(cmd)

	r := &run{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(r.exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			r.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return r, nil
}

func (r *run) over() bool {
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

// current returns the program's newest life, or nil if it has had none.
func (p *Process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}

// PID returns the process id of the newest life, 0 before the first start.
func (p *Process) PID() int {
	if r := p.current(); r != nil {
		return r.cmd.Process.Pid
	}
	return 0
}

// Exited returns a channel that is closed when the newest life has ended and was
// waited for. Before the first start the channel is closed.
func (p *Process) Exited() <-chan struct{} {
	if r := p.current(); r != nil {
		return r.exited
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// ExitErr waits for the newest life to end and returns nil for exit status 0,
// otherwise an [*exec.ExitError].
func (p *Process) ExitErr() error {
	r := p.current()
	if r == nil {
		return nil
	}
	<-r.exited
	return r.err
}

// Logs returns the last 256 KiB of what all lives of the program wrote to
// standard output and standard error.
func (p *Process) Logs() string { return p.logs.String() }

// Signal sends a signal. It returns [ErrProcessNotRunning] if the program has
// ended.
func (p *Process) Signal(sig os.Signal) error {
	r := p.current()
	if r == nil || r.over() {
		return fmt.Errorf("signal %v to %s: %w", sig, p.path(), ErrProcessNotRunning)
	}
	if err := r.cmd.Process.Signal(sig); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			err = ErrProcessNotRunning
		}
		return fmt.Errorf("signal %v to %s: %w", sig, p.path(), err)
	}
	return nil
}

// Pause stops the program with SIGSTOP and returns when its last thread has
// stopped: its connections stay open and nothing answers. [Process.Resume] wakes it.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := awaitStopped(p.PID()); err != nil {
		return fmt.Errorf("pause %s: %w", p.path(), err)
	}
	return nil
}

// Resume wakes a paused program with SIGCONT.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the program with SIGKILL and waits for it. A program that has ended
// already is no error.
func (p *Process) Kill() error {
	r := p.current()
	if r == nil {
		return nil
	}
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrProcessNotRunning) {
		return err
	}
	<-r.exited
	return nil
}

// Stop asks the program to end with SIGTERM and waits for it, at most as long as
// ctx allows. It returns the program's exit error, which is nil for status 0. A
// paused program is woken, because it could not hear the signal otherwise.
func (p *Process) Stop(ctx context.Context) error {
	r := p.current()
	if r == nil || r.over() {
		return nil
	}
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		if err := p.Signal(sig); err != nil && !errors.Is(err, ErrProcessNotRunning) {
			return err
		}
	}
	select {
	case <-r.exited:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("stop %s: still running: %w", p.path(), context.Cause(ctx))
	}
}

// Close ends the program, first with SIGTERM and after 5 s with SIGKILL, and
// waits for it. A second Close does nothing.
func (p *Process) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	// How a program ends that is no longer wanted is of no interest.
	_ = p.Stop(ctx)
	return p.Kill()
}
