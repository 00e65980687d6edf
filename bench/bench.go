// Package bench measures a running keyval: "keyval bench" is its Run. It refuses to work in a
// database that is not empty unless it has a place of its own there, fills that, loads, and
// cleans up after itself.
package bench

import (
	"context"
	"errors"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/bench/workload"
)

// Config is a series of runs of one workload, one for each load.
type Config struct {
	Workload string
	Settings workload.Settings
	// OwnPrefix says that Settings.Prefix was chosen by whoever runs this: the server need
	// not be empty, the prefix must be.
	OwnPrefix bool
	// Connections and Rates are the loads: each number of connections at each rate. No
	// rates is a closed loop.
	Connections []int
	Rates       []float64
	// Repeat is how often each load is run, in turn with the others.
	Repeat           int
	WarmUp, Duration time.Duration
	// Observer is told how it goes; nil is nobody.
	Observer Observer
}

// An Observer is told how a series goes, by one goroutine.
type Observer interface {
	// Preparing and Cleaning are told how far that is, 0 to 1.
	Preparing(done float64)
	Running(run result.Settings, p load.Progress)
	Ran(run result.Run)
	Cleaning()
}

// Run runs the series. If ctx ends, it returns what was measured until then, and no error;
// what it made is removed all the same, within half a minute.
func Run(ctx context.Context, cfg Config) ([]result.Run, error) {
	return nil, errors.New("not built yet")
}
