// Package load loads something and records how it answers: in a closed loop, where each
// worker begins an operation when its last has ended, or in an open loop, at a rate that
// does not care how the server is doing. It knows nothing of HTTP.
//
// An operation belongs to the run if it began, or was to begin, between the end of the
// warm-up and the end of the run, and counts once: as a success with its latency, or as a
// failure. What a server did not get done is among the failures, so that an overload cannot
// hide: see NotBegun and NotFinished.
package load

import (
	"context"
	"time"

	"github.com/buntime/keyval/bench/result"
)

// Grace is how long a run waits at its end for operations that are still under way.
const Grace = 5 * time.Second

// Kinds of failures that Config.Failure does not name.
const (
	// NotBegun are starts of an open loop that came due within the run and for which no
	// worker was free until its end. Nobody knows what they would have been: they count
	// as the first of Config.Operations that is not part of another, in the last slice.
	NotBegun = "not_begun"
	// NotFinished are operations that still were under way when Grace had passed, also
	// those that had been since the warm-up: a server that stands still has failed.
	NotFinished = "not_finished"
)

// A Worker does one operation at a time, over a connection of its own.
type Worker interface {
	// Do does one operation and says which of Config.Operations it was. The error of a
	// failure becomes its name in the result by Config.Failure. ctx ends with the run;
	// what it cuts off is not recorded.
	Do(ctx context.Context) (operation int, err error)
	// Close is called once, after the last Do has returned. Its error is not looked at.
	Close() error
}

// Config is one run.
type Config struct {
	// Operations are the names of what workers do.
	Operations []string
	// Workers is how many there are; at least 1.
	Workers int
	// New makes the i-th worker, before anything is measured; one at a time.
	New func(ctx context.Context, i int) (Worker, error)
	// Rate is how many operations begin each second over all workers; 0 is a closed loop.
	// Latency counts from the intended start: one that must wait for a free worker has
	// waited.
	Rate float64
	// GoTimers has an open loop wait with Go's timers, whose clock testing/synctest
	// replaces. They may be a millisecond late, which counts as latency; false waits with
	// the finest that the system has.
	GoTimers bool
	// WarmUp is done before Duration and not recorded.
	WarmUp, Duration time.Duration
	// Failure names a failed operation's kind; nil calls all of them "failed". Workers
	// call it at the same time.
	Failure func(error) string
	// Unreachable says whether a failed operation found nobody to ask. Its worker rests
	// before it begins the next one, up to a second if that happens again and again;
	// nil is never. Workers call it at the same time.
	Unreachable func(error) bool
	// Progress is told of each second that has been measured, warm-up included; nil is
	// nobody. It is called by one goroutine, Run's.
	Progress func(Progress)
}

// Progress is the last second of a run.
type Progress struct {
	WarmingUp bool
	// Elapsed is since the first operation began, Total what it will be.
	Elapsed, Total time.Duration
	// Failed is how many operations failed in it, not counting parts of them.
	Failed int64
	// Operations are Config's.
	Operations []string
	// Second is one for each of Operations. In the warm-up, At is negative: slices
	// count from its end.
	Second []result.Slice
}

// Run loads until Duration has passed or ctx ends; an end of ctx is no error: what was
// measured until then is returned, and Interrupted says so. Target, Workload and Settings of
// the run are the caller's to fill in. Run returns when every worker has: at the latest
// when Grace has passed after the end, and Do has obeyed its context.
//
// The last slice is longer than the others by what the last operations took to end.
func Run(ctx context.Context, cfg Config) (result.Run, error) {
	if err := cfg.validate(); err != nil {
		return result.Run{}, err
	}
	workers, err := cfg.open(ctx)
	defer closeAll(workers)
	if err != nil && ctx.Err() == nil {
		return result.Run{}, err
	}
	r := newRun(cfg)
	if err == nil {
		r.load(ctx, workers)
	}
	return r.result(), nil
}
