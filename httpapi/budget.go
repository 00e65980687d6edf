package httpapi

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

const (
	// defaultMemoryInFlight is Config.MaxMemoryInFlight where it says nothing.
	defaultMemoryInFlight = 256 << 20
	// freeBytes is the size up to which an answer counts against no budget: a request
	// costs as much by being there, and those are bounded by connections and streams.
	freeBytes = 4 << 10
	// smallBodyBytes is the size up to which a body has a part of the budget for
	// itself, so that acks come through while large ones take all the rest.
	smallBodyBytes = 4 << 10
	// smallBodiesPart is how many times the whole is that part.
	smallBodiesPart = 16
)

// A budget bounds the bytes that request bodies and answers take in a node at a time.
// Beyond it a node says 429.
type budget struct {
	limit int64 // of large
	large *semaphore.Weighted
	small *semaphore.Weighted
	used  atomic.Int64
}

func newBudget(limit int64) *budget {
	small := limit / smallBodiesPart
	return &budget{limit: limit - small, large: semaphore.NewWeighted(limit - small), small: semaphore.NewWeighted(small)}
}

// register shows how much is taken.
func (b *budget) register(to prometheus.Registerer) error {
	return to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "keyval_http_memory_in_flight_bytes",
		Help: "Bytes that request bodies and answers take, of those that --max-memory-in-flight allows.",
	}, func() float64 { return float64(b.used.Load()) }))
}

// fits tells whether there would be room now.
func (b *budget) fits(n int64) bool { return b.used.Load()+n <= b.limit }

// A share is what one call has of a budget, for its body or for its answer.
type share struct {
	of           *budget
	small, large int64
}

func (s *share) size() int64 { return s.small + s.large }

// grow makes the share n bytes, unless there is no room.
func (s *share) grow(n int64) bool {
	more := n - s.size()
	if more <= 0 {
		return true
	}
	if !s.of.large.TryAcquire(more) {
		return false
	}
	s.took(more)
	return true
}

// growSmall is grow out of the room for small bodies.
func (s *share) growSmall(n int64) bool {
	more := n - s.size()
	if more > 0 && !s.of.small.TryAcquire(more) {
		return false
	}
	s.small += max(more, 0)
	s.of.used.Add(max(more, 0))
	return true
}

// await is grow that waits for room until ctx ends.
func (s *share) await(ctx context.Context, n int64) bool {
	more := n - s.size()
	if more <= 0 {
		return true
	}
	if err := s.of.large.Acquire(ctx, more); err != nil {
		return false
	}
	s.took(more)
	return true
}

func (s *share) took(n int64) {
	s.large += n
	s.of.used.Add(n)
}

// release gives all of it back. Twice is safe.
func (s *share) release() {
	if s.size() == 0 {
		return
	}
	s.of.used.Add(-s.size())
	s.of.small.Release(s.small)
	s.of.large.Release(s.large)
	s.small, s.large = 0, 0
}

// hand gives the share to another holder, who releases it.
func (s *share) hand() *share {
	handed := *s
	s.small, s.large = 0, 0
	return &handed
}
