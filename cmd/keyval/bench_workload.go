package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	display := newBenchDisplay(cfg.Workload, from, p.stderr)
	cfg.Observer = display
	started := time.Now()
	runs, err := bench.Run(ctx, cfg)
	display.end()
	if err := misused(err, from); err != nil {
		return err
	}
	file := measurement.File{
		Started: started,
		Command: redacted(append([]string{"keyval"}, p.args...), c.secret()),
		Machine: measurement.ThisMachine(version()),
		Runs:    runs,
	}
	if err == nil {
		err = checkMeasured(ctx, runs)
	}
	return errors.Join(err, c.report(file, p))
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

// report shows and keeps what was measured, if anything was.
func (c *benchWorkloadCmd) report(file measurement.File, p process) error {
	if len(file.Runs) == 0 {
		return nil
	}
	if err := report.Text(p.stdout, file); err != nil {
		return err
	}
	return c.write(file)
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
