package load

import (
	"context"
	"errors"
	"time"
)

// errLate is why a run's context ends when Grace has passed.
var errLate = errors.New("the run is over")

// A loop is one worker at work. Until it has returned it is that goroutine's alone, but for
// its samples.
type loop struct {
	*run
	worker   Worker
	samples  *samples
	failures []map[string]int64 // by operation
	taken    int64              // starts of the schedule that belong to the run
	longest  time.Duration      // that the next rest takes
}

func newLoop(r *run, w Worker) *loop {
	l := &loop{run: r, worker: w, samples: newSamples(r.spare), failures: make([]map[string]int64, len(r.cfg.Operations)), longest: firstRest}
	for i := range l.failures {
		l.failures[i] = map[string]int64{}
	}
	l.recordParts()
	return l
}

// closed begins an operation when the last has ended. The clock is read once for both.
func (l *loop) closed(ctx context.Context) {
	for now := l.now(); now < l.total && ctx.Err() == nil; {
		now = l.do(ctx, now)
	}
}

// open begins operations as they are intended, or late. What was not begun when the run ends
// is not begun any more, unless this worker was free in time and its timer was late.
func (l *loop) open(ctx context.Context) {
	alarm := l.alarm(ctx)
	defer alarm.close()
	now := l.now()
	for {
		start := l.schedule.take()
		if start >= l.total {
			alarm.wait(l.total - now)
			return
		}
		if now >= l.total || ctx.Err() != nil {
			return
		}
		l.take(start)
		if !alarm.wait(start - now) {
			return
		}
		now = l.do(ctx, start)
	}
}

func (l *loop) take(start time.Duration) {
	if start >= l.cfg.WarmUp {
		l.taken++
	}
}

// do does one operation, records it, and returns when it ended and its worker could go on.
func (l *loop) do(ctx context.Context, began time.Duration) time.Duration {
	operation, err := l.worker.Do(ctx)
	ended := l.now()
	if err != nil && isLate(ctx) {
		began = max(began, l.cfg.WarmUp) // it was under way throughout
	}
	if err != nil && !l.failed(ctx, operation, began, err) {
		return ended
	}
	l.samples.add(sample{began: began, ended: ended, operation: int32(operation), failed: err != nil})
	return l.rest(ctx, ended, err)
}

// failed counts a failure by its kind. It returns false if it was none: ctx cut it off.
func (l *loop) failed(ctx context.Context, operation int, began time.Duration, err error) bool {
	kind := NotFinished
	if ctx.Err() == nil {
		kind = l.cfg.failure(err)
	} else if !isLate(ctx) {
		return false
	}
	if began >= l.cfg.WarmUp {
		l.failures[operation][kind]++
	}
	return true
}

// isLate says whether ctx has ended because the run was over and Grace had passed.
func isLate(ctx context.Context) bool {
	return ctx.Err() != nil && errors.Is(context.Cause(ctx), errLate)
}
