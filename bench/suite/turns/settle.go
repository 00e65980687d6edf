package turns

import (
	"context"
	"time"

	"github.com/buntime/keyval/bench/suite/cputime"
)

const (
	// calm is the share of the processors that is left alone when nobody works.
	calm = 0.9
	// glance is how long the processors are watched for that.
	glance = 150 * time.Millisecond
)

// Settle returns when the machine has nothing left to do from the turn before, such as a
// replica that catches up, at most after limit.
func Settle(limit time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		again := time.NewTicker(glance)
		defer again.Stop()
		before, err := cputime.ThisMachine()
		for err == nil {
			select {
			case <-again.C:
			case <-ctx.Done():
				return
			}
			var now cputime.Machine
			if now, err = cputime.ThisMachine(); err != nil || idle(before, now) >= calm {
				return
			}
			before = now
		}
	}
}

// idle is the share of the processors' time in between in which they had nothing to do.
func idle(before, now cputime.Machine) float64 {
	if now.All == before.All {
		return 0
	}
	return (now.Idle - before.Idle) / (now.All - before.All)
}
