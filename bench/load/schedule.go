package load

import (
	"math"
	"sync/atomic"
	"time"
)

// A schedule is the intended starts of an open loop, evenly spaced, over all workers. Each
// start is reckoned from the first, so that nothing adds up to a drift.
type schedule struct {
	rate float64
	next atomic.Int64
}

// take returns the next start that nobody has taken.
func (s *schedule) take() time.Duration { return s.at(s.next.Add(1) - 1) }

func (s *schedule) at(i int64) time.Duration {
	return time.Duration(float64(i) / s.rate * float64(time.Second))
}

// before is how many starts there are before t.
func (s *schedule) before(t time.Duration) int64 {
	n := int64(math.Ceil(t.Seconds() * s.rate))
	for n > 0 && s.at(n-1) >= t {
		n--
	}
	for s.at(n) < t {
		n++
	}
	return n
}
