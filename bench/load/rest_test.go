package load_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/internal/sleep"
)

var errNobody = errors.New("nobody is there")

func isNobody(err error) bool { return errors.Is(err, errNobody) }

// away answers after 10 ms, but from..to after the start nobody is there, which is found out
// at once.
func away(from, to time.Duration) worker {
	begun := time.Now()
	return func(ctx context.Context) (int, error) {
		if at := time.Since(begun); at >= from && at < to {
			return 0, errNobody
		}
		return takes(10 * time.Millisecond)(ctx)
	}
}

func TestWhoFindsNobodyTriesSeldomAndGoesOnAsBefore(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 200} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				op := mustRun(t.Context(), t, load.Config{
					Workers: 4, Rate: rate, Duration: 20 * time.Second, New: all(away(5*time.Second, 10*time.Second)), Unreachable: isNobody,
				}).Operations[0]
				// 20, 40, … 640 ms, then one or two each second; less by half at most.
				if got := op.Failures["failed"]; got < 4*8 || got > 4*20 {
					t.Errorf("%d failures of 4 workers in 5 s", got)
				}
				if before, after := op.Slices[3], op.Slices[18]; after.Count != before.Count || after.P50 != before.P50 {
					t.Errorf("a second had %d operations with p50 %d before, %d with %d afterwards", before.Count, before.P50, after.Count, after.P50)
				}
				if got := op.Slices[12].Count; got < 300 {
					t.Errorf("%d operations in the third second after it came back", got)
				}
			})
		})
	}
}

func TestWhatARestDelaysCountsFromItsIntendedStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		op := mustRun(t.Context(), t, load.Config{
			Workers: 4, Rate: 100, Duration: 20 * time.Second, New: all(away(5*time.Second, 10*time.Second)), Unreachable: isNobody,
		}).Operations[0]
		if got := op.Count + op.Failures["failed"]; got != 2000 || op.Failures[load.NotBegun] > 0 {
			t.Errorf("%d were begun, %v failed; want all of 2000", got, op.Failures)
		}
		if got := op.Latency.At(100); got < 4*time.Second {
			t.Errorf("the slowest took %v, as if nobody had waited for 5 s", got)
		}
	})
}

func TestARestEndsWithTheRun(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				cfg := load.Config{Workers: 4, Rate: rate, Duration: 10 * time.Second, New: all(away(0, time.Hour)), Unreachable: isNobody}
				if run := mustRun(t.Context(), t, cfg); time.Since(begun) != 10*time.Second || run.Interrupted {
					t.Errorf("it ended after %v", time.Since(begun))
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5100*time.Millisecond)
				defer cancel()
				begun = time.Now()
				if run := mustRun(ctx, t, cfg); time.Since(begun) != 5100*time.Millisecond || !run.Interrupted {
					t.Errorf("interrupted, it ended after %v", time.Since(begun))
				}
			})
		})
	}
}

func TestAFailureOfSomebodyWhoIsThereCostsNoRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := func(ctx context.Context) (int, error) {
			sleep.For(ctx, 10*time.Millisecond)
			return 0, errors.New("refused")
		}
		op := mustRun(t.Context(), t, load.Config{Workers: 1, Duration: 10 * time.Second, New: all(refused), Unreachable: isNobody}).Operations[0]
		if got := op.Failures["failed"]; got != 1000 {
			t.Errorf("%d failed, want 1000", got)
		}
	})
}
