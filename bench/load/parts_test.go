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

// A cycle is two parts of 10 and 20 ms; every second time, the second one fails.
type cycle struct {
	record func(operation int, latency time.Duration, err error)
	done   int
}

func (c *cycle) RecordWith(record func(operation int, latency time.Duration, err error)) {
	c.record = record
}

func (c *cycle) Do(ctx context.Context) (int, error) {
	if sleep.For(ctx, 10*time.Millisecond); ctx.Err() != nil {
		return 0, ctx.Err()
	}
	c.record(1, 10*time.Millisecond, nil)
	if sleep.For(ctx, 20*time.Millisecond); ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var err error
	if c.done++; c.done%2 == 0 {
		err = errors.New("lost")
	}
	c.record(2, 20*time.Millisecond, err)
	return 0, err
}

func (*cycle) Close() error { return nil }

func TestThePartsOfAnOperationAreOperationsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := int64(0)
		run := mustRun(t.Context(), t, load.Config{
			Operations: []string{"cycle", "take", "ack"},
			Workers:    1,
			New:        func(context.Context, int) (load.Worker, error) { return &cycle{}, nil },
			WarmUp:     300 * time.Millisecond,
			Duration:   3 * time.Second,
			Progress:   func(p load.Progress) { failed += p.Failed },
		})
		if got := run.Failed()["failed"]; got != 50 || failed < 50 || failed > 55 { // those of the warm-up, too
			t.Errorf("%d operations failed, and one was told of %d; want 50", got, failed)
		}
		for i, want := range []struct {
			count, failed int64
			latency       time.Duration
		}{{50, 50, 30 * time.Millisecond}, {100, 0, 10 * time.Millisecond}, {50, 50, 20 * time.Millisecond}} {
			got := run.Operations[i]
			if got.Count != want.count || got.Failures["failed"] != want.failed {
				t.Errorf("%s: got %d and %v, want %d and %d that failed", got.Name, got.Count, got.Failures, want.count, want.failed)
			}
			if p50 := got.Latency.At(50); p50 < want.latency*99/100 || p50 > want.latency*101/100 {
				t.Errorf("%s: p50 is %v, want %v", got.Name, p50, want.latency)
			}
		}
	})
}

// A watching worker records its part first and counts as the second operation.
type watching struct {
	record func(int, time.Duration, error)
}

func (w *watching) RecordWith(record func(int, time.Duration, error)) { w.record = record }

func (w *watching) Do(ctx context.Context) (int, error) {
	if sleep.For(ctx, time.Second); ctx.Err() != nil {
		return 1, ctx.Err()
	}
	w.record(0, time.Second, nil)
	return 1, nil
}

func (*watching) Close() error { return nil }

func TestWhatWasNotBegunIsNoPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := mustRun(t.Context(), t, load.Config{
			Operations: []string{"event", "both"},
			Workers:    1,
			New:        func(context.Context, int) (load.Worker, error) { return &watching{}, nil },
			Rate:       2,
			Duration:   10 * time.Second,
		})
		if part, whole := run.Operations[0].Failures[load.NotBegun], run.Operations[1].Failures[load.NotBegun]; part != 0 || whole != 10 {
			t.Errorf("%d parts and %d operations were not begun, want 0 and 10", part, whole)
		}
	})
}
