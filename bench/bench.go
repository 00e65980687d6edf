// Package bench measures a running keyval: "keyval bench" is its Run. It refuses to work in a
// database that is not empty unless it has a place of its own there, fills that, loads, and
// cleans up after itself.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/workload"
)

// Config is a series of runs of one workload, one for each load.
type Config struct {
	Workload string
	Settings workload.Settings
	// Target names what is measured in the results; empty is the URLs.
	Target string
	// AuthorityFile is where the authorities of Settings.TLS are from, for what is said to be
	// done by hand; empty is the system's.
	AuthorityFile string
	// OwnPrefix says that Settings.Prefix was chosen by whoever runs this: the server need
	// not be empty, the prefix must be. Without it an empty prefix
	// becomes that of workload.Defaults.
	OwnPrefix bool
	// Connections and Rates are the loads: each number of connections at each rate. No
	// rates is a closed loop.
	Connections []int
	Rates       []float64
	// Repeat is how often each load is run, in turn with the others; 0 is once.
	Repeat           int
	WarmUp, Duration time.Duration
	// AnswerTime is how long each server may take to say whether its place is empty; 0 is
	// 10 s.
	AnswerTime time.Duration
	// Observer is told how it goes; nil is nobody.
	Observer Observer
}

// An Observer is told how a series goes, one call at a time.
type Observer interface {
	// Preparing is told how far that is, 0 to 1.
	Preparing(done float64)
	// Running is told of each second of a run.
	Running(run result.Settings, p load.Progress)
	// Ran is told of a run that has ended.
	Ran(run result.Run)
	// Cleaning is told when that begins, after the last Ran, before each other try, and if
	// it is interrupted, which does not end it.
	Cleaning(Cleaning)
}

// Cleaning is how the removal of what a series has made goes.
type Cleaning struct {
	// Interrupted says that the end of the series, or of this, is wanted now.
	Interrupted bool
	// ByHand says how to remove it, for who does not wait.
	ByHand string
	// Trouble is what the last try failed by; nil is that there was none.
	Trouble error
}

// What Run can fail by, apart from what the server says.
var (
	// ErrBadConfig is wrapped by what must be changed in the Config first; a
	// *workload.SettingError names what. Nothing has been sent.
	ErrBadConfig = errors.New("bad setting of a benchmark")
	// ErrNotEmpty is wrapped when there is something where the benchmark would work.
	// Nothing has been changed.
	ErrNotEmpty = errors.New("not empty")
	// ErrNotCleaned is wrapped when something that the benchmark made may be left. The
	// error says how to remove it by hand.
	ErrNotCleaned = errors.New("what the benchmark made is not removed")
)

// Run runs the series. If ctx ends, it returns what was measured until then, and no error;
// what it made is removed all the same, within half a minute, or more if there are millions of
// keys. With an error, too, it returns what was measured before it.
func Run(ctx context.Context, cfg Config) ([]result.Run, error) {
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	if !cfg.OwnPrefix && len(cfg.Settings.Prefix) == 0 {
		cfg.Settings.Prefix = workload.Defaults().Prefix
	}
	w, err := open(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadConfig, err)
	}
	if err := checkEmpty(ctx, cfg); err != nil {
		return nil, unlessEnded(ctx, err)
	}
	return series{cfg, w}.run(ctx)
}

// open opens the workload, for as many connections as the greatest load has.
func open(cfg Config) (workload.Workload, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Settings.Connections = slices.Max(cfg.Connections)
	return workload.Open(cfg.Workload, cfg.Settings)
}

// nobody is the Observer that is not there.
type nobody struct{}

func (nobody) Preparing(float64)                      {}
func (nobody) Running(result.Settings, load.Progress) {}
func (nobody) Ran(result.Run)                         {}
func (nobody) Cleaning(Cleaning)                      {}
