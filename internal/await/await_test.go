package await_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

// A probe is a test whose failure is looked at.
type probe struct {
	testing.TB
	ctx     context.Context
	failure string
}

func (p *probe) Helper()                  {}
func (p *probe) Context() context.Context { return p.ctx }
func (p *probe) Fatal(args ...any)        { p.failure = fmt.Sprint(args...); runtime.Goexit() }

// failure is what a test fails with that waits for a condition.
func failure(ctx context.Context, holds func() bool, details ...func() string) string {
	p := &probe{ctx: ctx}
	go await.That(p, "the moon is full", holds, details...)
	await.Pass(time.Hour)
	return p.failure
}

func never() bool { return false }

func TestWhatComesIsWaitedForAndIsAskedWithoutHaste(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, asked := time.Now(), 0
		await.That(t, "a minute has passed", func() bool { asked++; return time.Since(begun) >= time.Minute })
		if took := time.Since(begun); took > 61*time.Second {
			t.Errorf("it was seen after %v, want within a second", took)
		}
		if asked > 5000 {
			t.Errorf("it was asked for %d times in a minute", asked)
		}
	})
}

func TestWhatNeverComesFailsWithItsNameAndTheDetailsOfThatMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		got := failure(t.Context(), func() bool { asked++; return false }, func() string { return fmt.Sprintf("asked more than once: %v", asked > 1) })
		if want := "not within 2m0s: the moon is full\nasked more than once: true"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestNobodyWaitsBeyondTheEndOfATest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		over, end := context.WithCancel(t.Context())
		end()
		if got, want := failure(over, never), "not before the test ended: the moon is full"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := failure(over, func() bool { return true }); got != "" {
			t.Errorf("what holds failed with %q", got)
		}
	})
}

func TestTimePassesInABubbleOnly(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	defer func() {
		if recover() == nil {
			t.Error("time passed outside of a bubble")
		}
		if took := time.Since(begun); took > time.Hour/2 {
			t.Errorf("it was refused after %v", took)
		}
	}()
	await.Pass(time.Hour)
}
