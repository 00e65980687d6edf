// Package load loads something and records how it answers: in a closed loop, where each
// worker begins an operation when its last has ended, or in an open loop, at a rate that
// does not care how the server is doing. It knows nothing of HTTP.
package load

import (
	"context"
	"errors"
	"time"

	"github.com/buntime/keyval/bench/result"
)

// A Worker does one operation at a time, over a connection of its own.
type Worker interface {
	// Do does one operation and says which of Config.Operations it was. The error of a
	// failure becomes its name in the result by Config.Failure. ctx ends with the run;
	// what it cuts off is not recorded.
	Do(ctx context.Context) (operation int, err error)
	// Close is called once, after the last Do has returned.
	Close() error
}

// Config is one run.
type Config struct {
	// Operations are the names of what workers do.
	Operations []string
	// Workers is how many there are; at least 1.
	Workers int
	// New makes the i-th worker, before anything is measured.
	New func(ctx context.Context, i int) (Worker, error)
	// Rate is how many operations begin each second over all workers; 0 is a closed loop.
	// Latency counts from the intended start: one that must wait for a free worker has
	// waited.
	Rate float64
	// WarmUp is done before Duration and not recorded.
	WarmUp, Duration time.Duration
	// Failure names a failed operation's kind; nil calls all of them "failed".
	Failure func(error) string
	// Progress is told of each second that has been measured, warm-up included; nil is
	// nobody. It is called by one goroutine.
	Progress func(Progress)
}

// Progress is the last second of a run.
type Progress struct {
	WarmingUp bool
	// Elapsed is since the first operation began, Total what it will be.
	Elapsed, Total time.Duration
	// Second is one for each of Config.Operations.
	Second []result.Slice
}

// Run loads until Duration has passed or ctx ends; an end of ctx is no error: what was
// measured until then is returned, and Interrupted says so. Target, Workload and Settings of the run are the caller's to fill in.
func Run(ctx context.Context, cfg Config) (result.Run, error) {
	return result.Run{}, errors.New("not built yet")
}
