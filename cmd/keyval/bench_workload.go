package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/bench"
	"github.com/buntime/keyval/bench/report"
	measurement "github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/workload"
)

// benchWorkloadCmd loads a server with the workload that it is named after.
type benchWorkloadCmd struct {
	benchTarget `group:"target"`
	benchLoad   `group:"load"`
	benchData   `group:"workload"`
	benchFiles  `group:"results"`
}

func (c *benchWorkloadCmd) Run(ctx context.Context, parsed *kong.Context, from *layers, p process) error {
	cfg, err := c.config(parsed.Selected().Name, from)
	if err != nil {
		return err
	}
	if err := c.checkFiles(from); err != nil {
		return err
	}
	ctx, end := untilNobodyIsThere(ctx, p)
	defer end()
	o := &benchObserver{
		benchDisplay: newBenchDisplay(cfg.Workload, from, p.stderr),
		benchFiles:   c.benchFiles,
		file: measurement.File{
			Started: time.Now(),
			Command: redacted(append([]string{"keyval"}, p.args...), c.secret()),
			Machine: measurement.ThisMachine(version()),
		},
	}
	o.unheard, cfg.Observer = end, o
	runs, err := bench.Run(ctx, cfg)
	o.end()
	if err := misused(err, from); err != nil {
		return err
	}
	if err == nil {
		err = checkMeasured(ctx, runs)
	}
	return errors.Join(err, o.report(p.stdout))
}

// untilNobodyIsThere has the end of a terminal, and of who reads what is written, end a context
// and not the process, which would leave in the server what it has made.
func untilNobodyIsThere(ctx context.Context, p process) (_ context.Context, end func()) {
	ctx, end = context.WithCancel(ctx)
	if p.ignorePipes != nil {
		p.ignorePipes()
	}
	if p.hangUps == nil || signal.Ignored(syscall.SIGHUP) { // by nohup
		return ctx, end
	}
	hangUps := p.hangUps()
	go func() {
		select {
		case <-hangUps:
			end()
		case <-ctx.Done():
		}
	}()
	return ctx, end
}

// benchObserver shows how a benchmark goes, and keeps what it has measured before it is
// cleaned up: that may take its time, and be ended by force.
type benchObserver struct {
	*benchDisplay
	benchFiles
	file  measurement.File
	kept  bool
	wrong error // with the files
}

func (o *benchObserver) Ran(run measurement.Run) {
	o.file.Runs = append(o.file.Runs, run)
	o.benchDisplay.Ran(run)
}

func (o *benchObserver) Cleaning(c bench.Cleaning) {
	if !o.kept && len(o.file.Runs) > 0 {
		o.wrong = o.write(o.file)
	}
	o.kept = true
	o.benchDisplay.Cleaning(c)
}

// report shows what was measured, if anything was.
func (o *benchObserver) report(w io.Writer) error {
	if len(o.file.Runs) == 0 {
		return nil
	}
	return errors.Join(o.wrong, report.Text(w, o.file))
}

// misused is an error that a change of the command line mends, nil if err is another one.
func misused(err error, from *layers) error {
	if bad, ok := errors.AsType[*workload.SettingError](err); ok {
		return from.badSetting(flagOf(bad.Setting), bad.Problem)
	}
	if errors.Is(err, bench.ErrBadConfig) || errors.Is(err, bench.ErrNotEmpty) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return nil
}

// checkMeasured is an error if nothing succeeded, and says what it was that failed.
func checkMeasured(ctx context.Context, runs []measurement.Run) error {
	failures := map[string]int64{}
	for _, run := range runs {
		for _, operation := range run.Operations {
			if operation.Count > 0 {
				return nil
			}
		}
		for code, count := range run.Failed() {
			failures[code] += count
		}
	}
	if len(failures) == 0 {
		if ctx.Err() != nil {
			return errors.New("interrupted before anything was measured")
		}
		return errors.New("no operation ended: choose a longer --duration")
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(failures)) {
		parts = append(parts, fmt.Sprintf("%s %d times", code, failures[code]))
	}
	return fmt.Errorf("every operation failed: %s", strings.Join(parts, ", "))
}
