package load

import (
	"context"
	"time"
)

// An alarm wakes the one goroutine that waits for it.
type alarm interface {
	// wait waits for d, if that is more than nothing. It returns false if the alarm's
	// context ends before.
	wait(d time.Duration) bool
	close()
}

// alarm returns one that is as exact as can be: what it is late by is counted as latency.
func (r *run) alarm(ctx context.Context) alarm {
	if r.cfg.GoTimers {
		return newTimer(ctx)
	}
	return newFineAlarm(ctx)
}

// timer is an alarm of Go's, and up to a millisecond late on Linux: that is the unit in which
// the runtime waits for the network and its timers together.
type timer struct {
	*time.Timer
	ctx context.Context
}

func newTimer(ctx context.Context) timer { return timer{time.NewTimer(0), ctx} }

func (t timer) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t.Reset(d)
	select {
	case <-t.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}

func (t timer) close() { t.Stop() }
