package load

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/buntime/keyval/bench/result"
)

// spareBlocks is how many blocks of samples are kept for later: a second of 500,000
// operations.
const spareBlocks = 1000

// run is a run under way.
type run struct {
	cfg      Config
	total    time.Duration // warm-up and what is measured
	schedule *schedule     // nil in a closed loop
	spare    chan *block
	began    time.Time

	// These are Run's goroutine's.
	loops       []*loop
	tallies     []*tally
	interrupted bool
	until       time.Duration // when it ended: total, or less
}

func newRun(cfg Config) *run {
	r := &run{cfg: cfg, total: cfg.WarmUp + cfg.Duration, spare: make(chan *block, spareBlocks), interrupted: true}
	if cfg.Rate > 0 {
		r.schedule = &schedule{rate: cfg.Rate}
	}
	for _, name := range cfg.Operations {
		r.tallies = append(r.tallies, newTally(name, cfg.WarmUp))
	}
	r.began = time.Now()
	return r
}

// now is the time since the first operation began.
func (r *run) now() time.Duration { return time.Since(r.began) }

// load has the workers work until the end, and reads what they have measured meanwhile.
func (r *run) load(ctx context.Context, workers []Worker) {
	for _, w := range workers {
		r.loops = append(r.loops, newLoop(r, w))
	}
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.began = time.Now()
	late := time.AfterFunc(r.total+Grace, func() { cancel(errLate) })
	defer late.Stop()
	over := make(chan struct{})
	go r.work(working, over)
	r.observe(ctx, over)
}

// work runs the loops and closes over when the last has returned.
func (r *run) work(ctx context.Context, over chan<- struct{}) {
	defer close(over)
	var loops sync.WaitGroup
	for _, l := range r.loops {
		loops.Go(func() {
			if r.schedule == nil {
				l.closed(ctx)
			} else {
				l.open(ctx)
			}
		})
	}
	loops.Wait()
}

// observe tallies each second when it has passed. The last one waits for whoever is still at
// work.
func (r *run) observe(ctx context.Context, over <-chan struct{}) {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for p := r.first(); ; p = r.after(p) {
		if p.to < r.total {
			alarm.Reset(p.to - r.now())
			select {
			case <-alarm.C:
				r.drain(p, p.to)
				r.cut(p)
				continue
			case <-ctx.Done():
			}
		}
		r.finish(ctx, p, over)
		return
	}
}

// finish tallies the last period, which may have been cut short.
func (r *run) finish(ctx context.Context, p period, over <-chan struct{}) {
	select {
	case <-over:
	case <-ctx.Done():
	}
	r.until = min(r.now(), r.total)
	r.interrupted = ctx.Err() != nil
	<-over
	p.to = max(p.from, r.until)
	r.drain(p, forever)
	r.countNotBegun(p)
	r.cut(p)
}

// countNotBegun adds the starts that came due and found no worker.
func (r *run) countNotBegun(p period) {
	if r.schedule == nil || p.warmingUp {
		return
	}
	missing := r.schedule.before(r.until) - r.schedule.before(r.cfg.WarmUp)
	for _, l := range r.loops {
		missing -= l.taken
	}
	whole := slices.IndexFunc(r.tallies, func(t *tally) bool { return !t.Part })
	r.tallies[max(0, whole)].notBegun(missing)
}

// drain reads what ended in a period, before a time.
func (r *run) drain(p period, before time.Duration) {
	for _, l := range r.loops {
		l.samples.drain(before, func(s sample) { r.tallies[s.operation].add(p, s) })
	}
}

// cut ends a period and tells of it.
func (r *run) cut(p period) {
	told := Progress{WarmingUp: p.warmingUp, Elapsed: p.to, Total: r.total, Operations: r.cfg.Operations}
	for _, t := range r.tallies {
		slice := t.cut(p)
		told.Second = append(told.Second, slice)
		if !t.Part {
			told.Failed += slice.Failures
		}
	}
	if r.cfg.Progress != nil {
		r.cfg.Progress(told)
	}
}

// result is what was measured, with the failures as the loops have named them.
func (r *run) result() result.Run {
	run := result.Run{
		Started:     r.began.Add(r.cfg.WarmUp).Round(0),
		Seconds:     max(0, r.until-r.cfg.WarmUp).Seconds(),
		Interrupted: r.interrupted,
	}
	for i, t := range r.tallies {
		for _, l := range r.loops {
			t.name(l.failures[i])
		}
		run.Operations = append(run.Operations, t.Operation)
	}
	return run
}
