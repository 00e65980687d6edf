// Package turns measures several systems in turn, so that what drifts on a machine meets all
// of them, and says of the results what can be said of few: the median and the range, and how
// one stands to another within the same round.
package turns

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/suite/cputime"
	"github.com/buntime/keyval/bench/workload"
)

// A Turn is one system's part in each round.
type Turn struct {
	Target, Measure string
	Workload        workload.Workload
	// Settings are told to whoever reads the result; Connections and Rate are obeyed.
	Settings result.Settings
	// Programs are what the system consists of.
	Programs []cputime.Program
}

// Config says how turns are taken.
type Config struct {
	Rounds           int
	WarmUp, Duration time.Duration
	// Settle is called before each turn, and returns when the machine has calmed down;
	// nil is at once.
	Settle func(context.Context)
	// Took is told of each turn that has ended; nil is nobody.
	Took func(result.Run)
}

// Take has each of the turns once in each round, in reverse order in every second one, and
// returns their runs in the order in which they were.
func Take(ctx context.Context, turns []Turn, cfg Config) ([]result.Run, error) {
	var runs []result.Run
	for round := range cfg.Rounds {
		for _, turn := range order(turns, round) {
			if cfg.Settle != nil {
				cfg.Settle(ctx)
			}
			run, err := turn.take(ctx, cfg, round)
			if err != nil {
				return runs, fmt.Errorf("%s: %s: %w", turn.Target, turn.Measure, err)
			}
			runs = append(runs, run)
			if cfg.Took != nil {
				cfg.Took(run)
			}
			if ctx.Err() != nil {
				return runs, context.Cause(ctx)
			}
		}
	}
	return runs, nil
}

func order(turns []Turn, round int) []Turn {
	if round%2 == 0 {
		return turns
	}
	reversed := slices.Clone(turns)
	slices.Reverse(reversed)
	return reversed
}

// Round is the name under which Settings.Extra has the round, from 1.
const Round = "round"

func (t Turn) take(ctx context.Context, cfg Config, round int) (result.Run, error) {
	how := workload.Load(t.Workload)
	how.Workers, how.Rate = t.Settings.Connections, t.Settings.Rate
	how.WarmUp, how.Duration = cfg.WarmUp, cfg.Duration
	run, err := Run(ctx, how, t.Programs)
	if err != nil {
		return run, err
	}
	run.Target, run.Workload, run.Settings = t.Target, t.Measure, t.Settings
	run.Settings.WarmUpSeconds = cfg.WarmUp.Seconds()
	extra := map[string]string{Round: strconv.Itoa(round + 1)}
	for name, value := range t.Settings.Extra {
		extra[name] = value
	}
	run.Settings.Extra = extra
	return run, nil
}
