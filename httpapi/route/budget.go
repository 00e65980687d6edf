package route

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

const (
	// defaultMemoryInFlight is Config.MaxMemoryInFlight where it says nothing.
	defaultMemoryInFlight = 256 << 20
	// FreeBytes is the size up to which an answer counts against no budget: a request
	// costs as much by being there, and those are bounded by connections and streams.
	FreeBytes = 4 << 10
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
	return errors.Join(
		to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyval_http_memory_in_flight_bytes",
			Help: "Bytes that request bodies and answers take, of those that --max-memory-in-flight allows.",
		}, func() float64 { return float64(b.used.Load()) })),
		to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "keyval_http_memory_in_flight_limit_bytes",
			Help: "Bytes that --max-memory-in-flight allows for request bodies and answers over 4 KiB; beyond it they get 429.",
		}, func() float64 { return float64(b.limit) })))
}

// fits tells whether there would be room now.
func (b *budget) fits(n int64) bool { return b.used.Load()+n <= b.limit }

// Memory is how many bytes bodies and answers take of the frame's budget, and how many
// those may that are not small.
func (f *Frame) Memory() (used, limit int64) { return f.memory.used.Load(), f.memory.limit }

// NewShare is a share of the frame's budget, empty as yet.
func (f *Frame) NewShare() Share { return Share{of: f.memory} }

// A Share is what one holder has of a budget: a call for its body and for its answer.
type Share struct {
	of           *budget
	small, large int64
}

func (s *Share) size() int64 { return s.small + s.large }

// Grow makes the share n bytes, unless there is no room.
func (s *Share) Grow(n int64) bool {
	more := s.missing(n)
	if more > 0 && !s.of.large.TryAcquire(more) {
		return false
	}
	s.took(&s.large, more)
	return true
}

// growSmall is Grow out of the room for small bodies.
func (s *Share) growSmall(n int64) bool {
	more := s.missing(n)
	if more > 0 && !s.of.small.TryAcquire(more) {
		return false
	}
	s.took(&s.small, more)
	return true
}

// Await is Grow that waits for room until ctx ends.
func (s *Share) Await(ctx context.Context, n int64) bool {
	more := s.missing(n)
	if more > 0 && s.of.large.Acquire(ctx, more) != nil {
		return false
	}
	s.took(&s.large, more)
	return true
}

func (s *Share) missing(n int64) int64 { return max(n-s.size(), 0) }

func (s *Share) took(part *int64, n int64) {
	*part += n
	s.of.used.Add(n)
}

// Release gives all of it back. Twice is safe.
func (s *Share) Release() {
	if s.size() == 0 {
		return
	}
	s.of.used.Add(-s.size())
	s.of.small.Release(s.small)
	s.of.large.Release(s.large)
	s.small, s.large = 0, 0
}

// hand gives the share to another holder, who releases it.
func (s *Share) hand() *Share {
	handed := *s
	s.small, s.large = 0, 0
	return &handed
}
