// Command keyval runs a node of a distributed key-value store, queue and watch
// service, and the tools that its operator needs.
//
// Exit codes: 0 is a clean end, 1 a failure at run time, 2 a setting or flag
// that has to be changed first. SIGTERM and SIGINT drain the node; a second
// signal ends the process at once with 128 plus the signal's number. SIGHUP has a
// serving node read its certificates and keys again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/node"
)

const (
	exitClean      = 0
	exitFailure    = 1
	exitBadSetting = 2
)

func main() {
	// The profiles that are linked would have every process note what it allocates.
	runtime.MemProfileRate = 0
	ctx := drainOnSignal(context.Background())
	os.Exit(run(ctx, process{
		args:      os.Args[1:],
		lookupEnv: os.LookupEnv,
		environ:   os.Environ(),
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		hangUps:   hangUps,

		ignorePipes:  ignorePipes,
		sampleMemory: sampleMemory,
	}))
}

// process is what the operating system gives a command.
type process struct {
	args           []string
	lookupEnv      func(string) (string, bool)
	environ        []string // all of it, as NAME=value
	stdout, stderr io.Writer
	hangUps        func() <-chan os.Signal // takes SIGHUP from now on; nil: nobody sends one
	ignorePipes    func()                  // has a pipe that nobody reads fail a write, and not end the process; nil: as it is
	sampleMemory   func()                  // has the runtime note what is allocated; nil: as it is
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, p process) int {
	err := execute(ctx, p)
	switch {
	case err == nil, errors.Is(err, errHelpShown):
		return exitClean
	case isUsage(err):
		fmt.Fprintln(p.stderr, "keyval:", oneLine(err))
		return exitBadSetting
	default:
		fmt.Fprintln(p.stderr, "keyval:", oneLine(err))
		return exitFailure
	}
}

func execute(ctx context.Context, p process) error {
	settings := newLayers(p.lookupEnv)
	settings.environ = p.environ
	parser, err := newParser(&cli{}, settings, p)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(usual(p.args))
	if err != nil {
		return advised(parser.Model, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run(settings, p)
}

// usual puts what people try first into the words of the grammar.
func usual(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// isUsage tells errors that a change of the command line, environment or
// configuration file mends from those that happened at run time.
func isUsage(err error) bool {
	_, isParse := errors.AsType[*kong.ParseError](err)
	return isParse || errors.Is(err, errUsage) || errors.Is(err, node.ErrBadSetting)
}

// errUsage is wrapped by what is wrong with a command line.
var errUsage = errors.New("usage")

func oneLine(err error) string {
	text := err.Error()
	// kong puts the flag in front of an error that names it already.
	if setting, ok := errors.AsType[*node.SettingError](err); ok {
		text = setting.Error()
	}
	text = strings.TrimPrefix(text, errUsage.Error()+": ")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// hangUps delivers SIGHUP, which then does not end the process any more.
func hangUps() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}

// ignorePipes has who writes to a pipe that nobody reads live to clean up.
func ignorePipes() { signal.Ignore(syscall.SIGPIPE) }

// sampleMemory notes one allocation in 512 KiB from now on, as Go does by default.
func sampleMemory() { runtime.MemProfileRate = 512 << 10 }

// drainOnSignal returns a context that the first SIGTERM or SIGINT cancels. The
// second one ends the process, for an operator who will not wait for the drain.
func drainOnSignal(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		first := <-signals
		cancel(fmt.Errorf("received %v", first))
		second := <-signals
		if number, ok := second.(syscall.Signal); ok {
			os.Exit(128 + int(number))
		}
		os.Exit(exitFailure)
	}()
	return ctx
}
