package load

import (
	"time"

	"github.com/buntime/keyval/bench/result"
)

// A tally counts one kind of operation: in all, and in the period that has not been cut off
// yet. It is one goroutine's.
type tally struct {
	result.Operation
	warmUp time.Duration

	period        result.Histogram
	ok, failed    int64
	longest, last time.Duration // last is when the last ended
}

func newTally(name string, warmUp time.Duration) *tally {
	return &tally{
		Operation: result.Operation{Name: name, Latency: result.NewHistogram(), Slices: []result.Slice{}},
		warmUp:    warmUp,
		period:    result.NewHistogram(),
	}
}

// add counts a sample. What began in the warm-up is only of interest there, even if it ended
// later.
func (t *tally) add(p period, s sample) {
	t.Part = t.Part || s.part
	if !p.warmingUp && s.began < t.warmUp {
		return
	}
	t.last = max(t.last, s.ended)
	if s.failed {
		t.failed++
		return
	}
	latency := s.ended - s.began
	t.ok++
	t.longest = max(t.longest, latency)
	t.period.Record(latency)
}

// notBegun counts starts that found no worker.
func (t *tally) notBegun(n int64) {
	if n > 0 {
		t.failed += n
		t.name(map[string]int64{NotBegun: n})
	}
}

// cut ends the period, and adds it to the run unless it was the warm-up's.
func (t *tally) cut(p period) result.Slice {
	slice := result.Slice{
		At:       (p.from - t.warmUp).Seconds(),
		Seconds:  (max(p.to, t.last) - p.from).Seconds(),
		Count:    t.ok,
		Failures: t.failed,
		P50:      int64(min(t.period.At(50), t.longest)),
		P99:      int64(min(t.period.At(99), t.longest)),
		Max:      int64(t.longest),
	}
	if !p.warmingUp {
		t.Count += t.ok
		t.Latency.Merge(t.period.Histogram)
		t.append(slice)
	}
	t.period.Reset()
	t.ok, t.failed, t.longest = 0, 0, 0
	return slice
}

// append leaves out a slice of no time at all, which is what an interruption at the end of a
// second would add.
func (t *tally) append(slice result.Slice) {
	if slice.Seconds > 0 || slice.Count+slice.Failures > 0 {
		t.Slices = append(t.Slices, slice)
	}
}

// name counts failures by their kind.
func (t *tally) name(failures map[string]int64) {
	for kind, n := range failures {
		if t.Failures == nil {
			t.Failures = map[string]int64{}
		}
		t.Failures[kind] += n
	}
}
