package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

// hangs is a call that is never answered.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// takes is a call that is answered after a time.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// newServer is the liveness of a server that answers the least question while it is
// awake.
func newServer(t *testing.T) (l *liveness, awake *atomic.Bool) {
	awake = &atomic.Bool{}
	l = newLiveness(Config{SlowAfter: slowAfter, SilentAfter: silentAfter}, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		if awake.Load() {
			return nil
		}
		return hangs(ctx)
	})
	t.Cleanup(l.close)
	return l, awake
}

func TestACallThatTakesLongIsNoSignOfAServersSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, awake := newServer(t)
		awake.Store(true)
		if err := l.call(t.Context(), takes(time.Minute)); err != nil {
			t.Errorf("a call that took a minute has ended with %v", err)
		}
	})
}

func TestAServerThatAnswersSomebodyElseLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := newServer(t)
		go func() {
			for l.call(t.Context(), takes(time.Second)) == nil {
			}
		}()
		if err := l.call(t.Context(), takes(time.Minute)); err != nil {
			t.Errorf("a call that took a minute has ended with %v", err)
		}
	})
}

func TestASilentServerIsKnownWithinSixSecondsAndLeftAloneUntilItAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, awake := newServer(t)
		begun := time.Now()
		if err := l.call(t.Context(), hangs); !errors.Is(err, ErrSilent) || neverSent(err) {
			t.Errorf("the call has ended with %v, want that the server is silent", err)
		}
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("it was known after %v", took)
		}
		err := l.call(t.Context(), func(context.Context) error {
			t.Error("a silent server was called")
			return nil
		})
		if !errors.Is(err, ErrSilent) || !neverSent(err) {
			t.Errorf("the next call has ended with %v, want that nothing was sent", err)
		}
		awake.Store(true)
		await.Pass(silentAfter + lookPause)
		if err := l.call(t.Context(), takes(0)); err != nil {
			t.Errorf("a call after it has answered: %v", err)
		}
	})
}

func TestASilentServerIsKnownAlthoughNobodyWaitsForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := newServer(t)
		begun := time.Now()
		for !l.isSilent() && time.Since(begun) < time.Minute {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_ = l.call(ctx, hangs)
			cancel()
		}
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("it was known after %v", took)
		}
	})
}

func TestACallersOwnDeadlineSaysNothingAboutAServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := newServer(t)
		ctx, cancel := context.WithTimeout(t.Context(), slowAfter)
		defer cancel()
		if err := l.call(ctx, hangs); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrSilent) {
			t.Errorf("got %v, want that the caller's time is up", err)
		}
	})
}

func TestADeadlineThatIsNotTheCallersIsAnUnavailableDatabase(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-time.Second)
	s := &source{name: "primary"}
	for name, c := range map[string]struct {
		ctx func(context.Context) (context.Context, context.CancelFunc)
		err error
	}{
		"of the node's own question": {
			func(ctx context.Context) (context.Context, context.CancelFunc) { return Within(ctx, 0) }, context.DeadlineExceeded},
		"of making a connection":               {context.WithCancel, fmt.Errorf("connect: %w", context.DeadlineExceeded)},
		"of the network":                       {context.WithCancel, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}},
		"of a call on a server that is silent": {context.WithCancel, ErrSilent},
		"of what has been ended":               {context.WithCancel, context.Canceled},
	} {
		ctx, cancel := c.ctx(t.Context())
		err := s.failed(ctx, c.err)
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("the deadline %s: %v, want that the database is unavailable, and nothing about the caller", name, err)
		}
		cancel()
	}
	ctx, cancel := context.WithDeadline(t.Context(), past)
	defer cancel()
	inner, cancelInner := Within(ctx, time.Hour)
	defer cancelInner()
	for _, ctx := range []context.Context{ctx, inner} {
		if err := s.failed(ctx, errors.New("whatever")); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
			t.Errorf("the caller's own: %v, want that the time is up", err)
		}
	}
}
