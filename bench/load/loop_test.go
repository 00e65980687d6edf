package load

import (
	"context"
	"testing"
	"time"
)

// idle does nothing, so that what remains is the loop's.
type idle struct{}

func (idle) Do(context.Context) (int, error) { return 0, nil }
func (idle) Close() error                    { return nil }

func TestRecordingAsksForNoMemory(t *testing.T) {
	r := newRun(Config{Operations: []string{"get"}, Duration: time.Hour})
	l := newLoop(r, idle{})
	r.loops = append(r.loops, l)
	second := r.first()
	// More than a block's worth between two readings, as in a real second.
	allocations := testing.AllocsPerRun(20, func() {
		for range 3000 {
			l.do(t.Context(), l.now())
		}
		l.samples.drain(forever, func(s sample) { r.tallies[0].add(second, s) })
	})
	if allocations != 0 {
		t.Errorf("%v allocations for 3000 operations, want none", allocations)
	}
}

// What an operation costs beyond itself; it should be well under a microsecond.
func BenchmarkClosedLoop(b *testing.B) {
	r := newRun(Config{Operations: []string{"get"}, Duration: time.Hour})
	l := newLoop(r, idle{})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	second := r.first()
	take := func(s sample) { r.tallies[0].add(second, s) }
	now, n := l.now(), 0
	b.ReportAllocs()
	for b.Loop() {
		if now < r.total && ctx.Err() == nil {
			now = l.do(ctx, now)
		}
		if n++; n%100000 == 0 {
			l.samples.drain(forever, take)
		}
	}
}
