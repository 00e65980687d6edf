package load_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/bench/result"
	"github.com/buntime/keyval/internal/sleep"
)

// A worker is a function that does one operation.
type worker func(ctx context.Context) (int, error)

func (w worker) Do(ctx context.Context) (int, error) { return w(ctx) }
func (w worker) Close() error                        { return nil }

// all makes the same worker for everybody.
func all(w worker) func(context.Context, int) (load.Worker, error) {
	return func(context.Context, int) (load.Worker, error) { return w, nil }
}

// takes does operations that take their time, unless ctx ends.
func takes(d time.Duration) worker {
	return func(ctx context.Context) (int, error) {
		sleep.For(ctx, d)
		return 0, ctx.Err()
	}
}

// mustRun runs cfg by the clock of a bubble.
func mustRun(ctx context.Context, t *testing.T, cfg load.Config) result.Run {
	t.Helper()
	cfg.GoTimers = true
	return mustRunByTheRealClock(ctx, t, cfg)
}

// mustRunByTheRealClock runs cfg; it has one operation, "get", if it names none.
func mustRunByTheRealClock(ctx context.Context, t *testing.T, cfg load.Config) result.Run {
	t.Helper()
	if cfg.Operations == nil {
		cfg.Operations = []string{"get"}
	}
	run, err := load.Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range run.Operations {
		mustAddUp(t, op)
	}
	return run
}

// mustAddUp fails the test if an operation's slices are not the whole.
func mustAddUp(t *testing.T, op result.Operation) {
	t.Helper()
	var count, failures, named int64
	for _, s := range op.Slices {
		count += s.Count
		failures += s.Failures
	}
	for _, n := range op.Failures {
		named += n
	}
	if count != op.Count || op.Latency.TotalCount() != op.Count {
		t.Errorf("%s: %d succeeded, %d in the slices, and there are %d latencies", op.Name, op.Count, count, op.Latency.TotalCount())
	}
	if failures != named {
		t.Errorf("%s: %d failed by name, %d in the slices", op.Name, named, failures)
	}
}

// near says whether got is within 1 % of want.
func near(got, want time.Duration) bool {
	return float64(got) >= 0.99*float64(want) && float64(got) <= 1.01*float64(want)
}

func mustBeNear(t *testing.T, op result.Operation, percentile float64, want time.Duration) {
	t.Helper()
	if got := op.Latency.At(percentile); !near(got, want) {
		t.Errorf("p%g is %v, want %v within 1 %%", percentile, got, want)
	}
}

// evenly answers after 0.01, 0.02, … 100 ms, in an order that jumps about.
func evenly() worker {
	var n atomic.Int64
	return func(ctx context.Context) (int, error) {
		return takes(time.Duration(n.Add(6173)%10000+1) * 10 * time.Microsecond)(ctx)
	}
}

func TestPercentilesAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				run := mustRun(t.Context(), t, load.Config{Workers: 4, Rate: rate, Duration: 200 * time.Second, New: all(evenly())})
				op := run.Operations[0]
				for _, percentile := range []float64{10, 50, 90, 99, 99.9, 100} {
					mustBeNear(t, op, percentile, time.Duration(percentile*float64(time.Millisecond)))
				}
			})
		})
	}
}

// stalling answers after 10 ms, but nobody between the 5th and the 6th second.
func stalling() worker {
	begun := time.Now()
	return func(ctx context.Context) (int, error) {
		sleep.For(ctx, 10*time.Millisecond)
		if at := time.Since(begun); at >= 5*time.Second && at < 6*time.Second {
			sleep.For(ctx, 6*time.Second-at)
		}
		return 0, ctx.Err()
	}
}

func TestAStallShowsInAnOpenLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run := mustRun(t.Context(), t, load.Config{Workers: 4, Rate: 100, Duration: 10 * time.Second, New: all(stalling())})
		op := run.Operations[0]
		if op.Count != 1000 {
			t.Errorf("%d succeeded, want 1000", op.Count)
		}
		// One in ten was intended within the stall; then its backlog is worked off,
		// 400 a second while 100 more arrive. Half of all that waited did so for long.
		if got := op.Latency.At(95); got < 400*time.Millisecond {
			t.Errorf("p95 is %v, as if nobody had waited", got)
		}
		mustBeNear(t, op, 50, 10*time.Millisecond)
		mustBeNear(t, op, 100, 1010*time.Millisecond)
	})
}

func TestAStallHidesInAClosedLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		op := mustRun(t.Context(), t, load.Config{Workers: 4, Duration: 10 * time.Second, New: all(stalling())}).Operations[0]
		mustBeNear(t, op, 99.8, 10*time.Millisecond)
		mustBeNear(t, op, 100, 1010*time.Millisecond)
		if got := op.Slices[5].Count; got > 8 {
			t.Errorf("%d succeeded within the stall", got)
		}
	})
}

func TestAnOverloadedOpenLoopSaysWhatItDidNotBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run := mustRun(t.Context(), t, load.Config{Workers: 2, Rate: 100, WarmUp: time.Second, Duration: 10 * time.Second, New: all(takes(40 * time.Millisecond))})
		op := run.Operations[0]
		// 50 each second of 100: in the warm-up a backlog of 50 has come about.
		if got, want := op.Failures[load.NotBegun], int64(550); got != want {
			t.Errorf("%d were not begun, want %d", got, want)
		}
		if got, want := op.Count, int64(450); got != want {
			t.Errorf("%d succeeded, want %d", got, want)
		}
		if got := op.Latency.At(100); !near(got, 5500*time.Millisecond) {
			t.Errorf("the last of them took %v, want 5.5 s", got)
		}
		if got := op.Slices[9].Failures; got != 550 {
			t.Errorf("%d failures in the last slice, want all that were not begun", got)
		}
	})
}

func TestStartsAreEvenlySpacedAndDoNotDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var starts []time.Duration
		mustRun(t.Context(), t, load.Config{Workers: 1, Rate: 7, Duration: 10 * time.Minute, New: all(func(context.Context) (int, error) {
			starts = append(starts, time.Since(begun))
			return 0, nil
		})})
		if got, want := len(starts), 7*600; got != want {
			t.Fatalf("%d began in ten minutes, want %d", got, want)
		}
		for i, got := range starts {
			if want := time.Duration(i) * time.Second / 7; (got - want).Abs() > time.Microsecond {
				t.Fatalf("the %d-th began at %v, want %v", i, got, want)
			}
		}
	})
}

func TestTheWarmUpIsNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		run := mustRun(t.Context(), t, load.Config{
			Workers: 3, WarmUp: 2500 * time.Millisecond, Duration: 2 * time.Second,
			New: all(func(ctx context.Context) (int, error) {
				if time.Since(begun) < 2500*time.Millisecond {
					sleep.For(ctx, 500*time.Millisecond)
					return 0, errors.New("not warm yet")
				}
				return takes(20 * time.Millisecond)(ctx)
			}),
		})
		op := run.Operations[0]
		if op.Count != 300 || len(op.Failures) != 0 || !near(op.Latency.At(100), 20*time.Millisecond) {
			t.Errorf("%d succeeded, %v failed, the slowest took %v; want 300 of 20 ms", op.Count, op.Failures, op.Latency.At(100))
		}
		if run.Seconds != 2 || run.Interrupted || !run.Started.Equal(begun.Add(2500*time.Millisecond)) {
			t.Errorf("it started at %v for %v s (interrupted: %v)", run.Started.Sub(begun), run.Seconds, run.Interrupted)
		}
		if len(op.Slices) != 2 || op.Slices[0].At != 0 || op.Slices[1].At != 1 || op.Slices[0].Count+op.Slices[1].Count != 300 {
			t.Errorf("the slices are %+v, want two from 0 on", op.Slices)
		}
	})
}

func TestAnInterruptionReturnsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2540*time.Millisecond)
				defer cancel()
				run := mustRun(ctx, t, load.Config{Workers: 2, Rate: rate, Duration: time.Hour, New: all(takes(100 * time.Millisecond))})
				op := run.Operations[0]
				if !run.Interrupted || run.Seconds != 2.54 {
					t.Errorf("interrupted: %v, after %v s, want 2.54", run.Interrupted, run.Seconds)
				}
				if op.Count < 48 || op.Count > 50 || len(op.Failures) != 0 {
					t.Errorf("%d succeeded, %v failed; want 50 or nearly, and nothing of what was cut off", op.Count, op.Failures)
				}
				if len(op.Slices) != 3 {
					t.Errorf("%d slices, want 3", len(op.Slices))
				}
			})
		})
	}
}

func TestAnInterruptionInTheWarmUpHasMeasuredNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		run := mustRun(ctx, t, load.Config{Workers: 2, Rate: 1000, WarmUp: time.Minute, Duration: time.Minute, New: all(takes(time.Millisecond))})
		if op := run.Operations[0]; !run.Interrupted || run.Seconds != 0 || op.Count != 0 || len(op.Slices) != 0 || len(op.Failures) != 0 {
			t.Errorf("got %+v", run)
		}
	})
}

func TestAnOverloadedOpenLoopThatIsInterruptedSaysWhatItDidNotBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1990*time.Millisecond)
		defer cancel()
		run := mustRun(ctx, t, load.Config{Workers: 1, Rate: 100, Duration: time.Hour, New: all(takes(time.Second))})
		op := run.Operations[0]
		// Of 199 one has ended, and one was under way.
		if op.Count != 1 || op.Failures[load.NotBegun] != 197 {
			t.Errorf("%d succeeded, %v failed; want 1 and 197", op.Count, op.Failures)
		}
	})
}

func TestFailuresAreNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		cfg := load.Config{
			Operations: []string{"read", "write"}, Workers: 1, Duration: time.Second,
			New: all(func(ctx context.Context) (int, error) {
				n++
				_, _ = takes(10 * time.Millisecond)(ctx)
				if n%4 == 0 {
					return 1, fmt.Errorf("busy %d", n%8)
				}
				return n % 2, nil
			}),
			Failure: func(err error) string { return strings.ReplaceAll(err.Error(), " ", "_") },
		}
		run := mustRun(t.Context(), t, cfg)
		read, write := run.Operations[0], run.Operations[1]
		if read.Name != "read" || read.Count != 25 || len(read.Failures) != 0 {
			t.Errorf("read: %+v", read)
		}
		if write.Name != "write" || write.Count != 50 || write.Failures["busy_0"] != 12 || write.Failures["busy_4"] != 13 {
			t.Errorf("write: %d succeeded, %v failed", write.Count, write.Failures)
		}
		n, cfg.Failure = 0, nil
		if got := mustRun(t.Context(), t, cfg).Operations[1].Failures["failed"]; got != 25 {
			t.Errorf("without names, %d failed, want 25", got)
		}
	})
}

func TestProgressIsToldOfEachSecondEvenWhileNobodyAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var told []string
		mustRun(t.Context(), t, load.Config{
			Workers: 2, WarmUp: 1500 * time.Millisecond, Duration: 3 * time.Second,
			New: all(func(ctx context.Context) (int, error) {
				if time.Since(begun) >= 3*time.Second {
					return takes(time.Minute)(ctx) // beyond its end
				}
				return takes(100 * time.Millisecond)(ctx)
			}),
			Progress: func(p load.Progress) {
				s := p.Second[0]
				told = append(told, fmt.Sprintf("%v: %v of %v, at %v: %d in %v s, p99 %v ms", time.Since(begun),
					p.Elapsed, p.Total, s.At, s.Count, s.Seconds, time.Duration(s.P99).Milliseconds()))
				if p.WarmingUp != (p.Elapsed <= 1500*time.Millisecond) {
					t.Errorf("warming up at %v: %v", p.Elapsed, p.WarmingUp)
				}
			},
		})
		// What ends at the end of a second is the next one's.
		want := []string{
			"1s: 1s of 4.5s, at -1.5: 18 in 1 s, p99 100 ms",
			"1.5s: 1.5s of 4.5s, at -0.5: 10 in 0.5 s, p99 100 ms",
			"2.5s: 2.5s of 4.5s, at 0: 18 in 1 s, p99 100 ms",
			"3.5s: 3.5s of 4.5s, at 1: 12 in 1 s, p99 100 ms",
			"9.5s: 4.5s of 4.5s, at 2: 0 in 6 s, p99 0 ms",
		}
		if got := strings.Join(told, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("it told:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
	})
}

func TestWhatEndsSoonAfterTheRunCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		run := mustRun(t.Context(), t, load.Config{Workers: 3, Duration: time.Second, New: all(takes(1250 * time.Millisecond))})
		if op := run.Operations[0]; op.Count != 3 || op.Slices[0].Seconds != 1.25 || !near(op.Latency.At(50), 1250*time.Millisecond) {
			t.Errorf("%d succeeded in %+v", op.Count, op.Slices)
		}
		if took := time.Since(begun); run.Seconds != 1 || took != 1250*time.Millisecond {
			t.Errorf("it measured %v s in %v", run.Seconds, took)
		}
	})
}

func TestWhatDoesNotEndSoonAfterTheRunIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		run := mustRun(t.Context(), t, load.Config{Workers: 3, Duration: time.Second, New: all(takes(time.Hour))})
		if op := run.Operations[0]; op.Count != 0 || op.Failures[load.NotFinished] != 3 || run.Interrupted {
			t.Errorf("got %+v", run)
		}
		if took := time.Since(begun); took != time.Second+load.Grace {
			t.Errorf("it took %v", took)
		}
	})
}

// A closer counts how often it was closed.
type closer struct {
	worker
	closed *atomic.Int64
}

func (c closer) Close() error { c.closed.Add(1); return nil }

func TestAWorkerThatCannotBeMadeEndsTheRunBeforeItBegan(t *testing.T) {
	t.Parallel()
	var closed atomic.Int64
	refused := errors.New("refused")
	_, err := load.Run(t.Context(), load.Config{
		Operations: []string{"get"}, Workers: 9, Duration: time.Hour,
		New: func(_ context.Context, i int) (load.Worker, error) {
			if i == 5 {
				return nil, refused
			}
			return closer{closed: &closed}, nil
		},
	})
	if got, want := fmt.Sprint(err), "open worker 5 of 9: refused"; got != want || !errors.Is(err, refused) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := closed.Load(); got != 5 {
		t.Errorf("%d workers were closed, want the 5 that had been made", got)
	}
}

func TestWhatMakesNoSenseIsRefusedByName(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*load.Config){
		"Operations": func(c *load.Config) { c.Operations = nil },
		"Workers":    func(c *load.Config) { c.Workers = 0 },
		"New":        func(c *load.Config) { c.New = nil },
		"Rate":       func(c *load.Config) { c.Rate = -1 },
		"WarmUp":     func(c *load.Config) { c.WarmUp = -1 },
		"Duration":   func(c *load.Config) { c.Duration = 0 },
	} {
		cfg := load.Config{Operations: []string{"get"}, Workers: 1, New: all(takes(0)), Duration: time.Second}
		change(&cfg)
		if _, err := load.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one that names %s", err, want)
		}
	}
}

// This one is of the real clock, so that the race detector sees workers and the reader at
// full speed.
func TestNothingIsLostAtFullSpeed(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 20000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var did, closed atomic.Int64
			run := mustRunByTheRealClock(t.Context(), t, load.Config{
				Operations: []string{"even", "odd"}, Workers: 4, Rate: rate, Duration: 1200 * time.Millisecond,
				New: func(context.Context, int) (load.Worker, error) {
					n := 0
					return closer{closed: &closed, worker: func(context.Context) (int, error) { did.Add(1); n++; return n % 2, nil }}, nil
				},
			})
			if got := run.Operations[0].Count + run.Operations[1].Count; got != did.Load() {
				t.Errorf("%d were recorded of %d", got, did.Load())
			}
			if rate > 0 && did.Load()+run.Operations[0].Failures[load.NotBegun] != 24000 {
				t.Errorf("%d of 24000 were done, %v were not", did.Load(), run.Operations[0].Failures)
			}
			if got := closed.Load(); got != 4 {
				t.Errorf("%d workers were closed, want 4", got)
			}
		})
	}
}

func TestWhatHasHungSinceTheWarmUpIsNotFinished(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				op := mustRun(t.Context(), t, load.Config{Workers: 3, Rate: rate, WarmUp: time.Second, Duration: 2 * time.Second, New: all(takes(time.Hour))}).Operations[0]
				if op.Count != 0 || op.Failures[load.NotFinished] != 3 || op.Failures[load.NotBegun] != int64(2*rate) {
					t.Errorf("%d succeeded, %v failed; want 3 that are not finished", op.Count, op.Failures)
				}
			})
		})
	}
}
