// Suite measures keyval beside what a user would pick instead, and how it scales, and writes
// docs/performance.md and docs/scaling.md: "make bench", "make bench-scaling", "make
// bench-keys". Everything that it measures it starts by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are what every measurement is told.
type options struct {
	Source  string        `default:"." type:"existingdir" help:"The directory of keyval's module."`
	Rounds  int           `default:"3" env:"ROUNDS" help:"How often each system has its turn."`
	Each    time.Duration `name:"each" default:"3s" help:"How long each turn is measured; $SECONDS_EACH as whole seconds has the last word."`
	WarmUp  time.Duration `default:"500ms" help:"How long each turn goes on before it is measured."`
	Settle  time.Duration `default:"3s" help:"How long a turn waits at most until the machine has calmed down."`
	Seconds int           `env:"SECONDS_EACH" help:"The same as --each, in seconds."`
	Out     string        `default:".bench" help:"The directory for results as JSON, below the source."`
	NoPages bool          `help:"Measure only, and leave the documentation as it is."`
}

func (o options) each() time.Duration {
	if o.Seconds > 0 {
		return time.Duration(o.Seconds) * time.Second
	}
	return o.Each
}

// file is where a command's results are kept.
func (o options) file(name string) string { return filepath.Join(o.Source, o.Out, name+".json") }

// kept makes the directory of results, and returns the path of a file in it.
func (o options) kept(name string) (path string, err error) {
	dir := filepath.Join(o.Source, o.Out)
	return filepath.Join(dir, name), os.MkdirAll(dir, 0o755)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var commands struct {
		Compare  compareCmd  `cmd:"" help:"Measure keyval beside its peers."`
		Scaling  scalingCmd  `cmd:"" help:"Measure how cost grows with work."`
		Keys     keysCmd     `cmd:"" help:"Measure with ten million keys."`
		Profiles profilesCmd `cmd:"" help:"Show what a GET costs the node that answers it."`
		Pages    pagesCmd    `cmd:"" help:"Write the documentation from what was measured last."`
	}
	parser := kong.Parse(&commands, kong.Name("suite"), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parser.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "suite:", err)
		stop()
		os.Exit(1)
	}
}
