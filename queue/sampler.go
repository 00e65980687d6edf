package queue

import (
	"context"
	"sync"
	"time"
)

const (
	// cheapCount is how many messages are counted without being sampled.
	cheapCount = 50_000
	// countShare bounds the share of time that is spent counting.
	countShare = 10
)

// A sampler keeps the newest counts, so that those which take long are made
// once for many. However many ask, one count is under way and one waits.
type sampler struct {
	mu    sync.Mutex // covers what follows
	stats Stats
	at    time.Time
	took  time.Duration

	running bool
	next    *count // for all who have come since the one under way began; nil for nobody
}

// A count is made for all who had come before it began: no answer is older than its
// question.
type count struct {
	ctx     context.Context // ends when nobody waits any more
	cancel  context.CancelFunc
	waiting int // under the sampler's mutex
	done    chan struct{}
	stats   Stats
	err     error
}

// get returns counts that are at most maxAge old, or made as often as their
// making allows. Zero demands new ones where they are cheap.
func (s *sampler) get(ctx context.Context, read func(context.Context) (Stats, error), maxAge time.Duration) (Stats, error) {
	if stats, ok := s.recent(maxAge); ok {
		return stats, nil
	}
	c := s.join(ctx, read)
	defer s.leave(c)
	select {
	case <-c.done:
		return c.stats, c.err
	case <-ctx.Done():
		return Stats{}, failure(ctx.Err())
	}
}

// join makes the caller one of those who wait for the next count.
func (s *sampler) join(ctx context.Context, read func(context.Context) (Stats, error)) *count {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil || s.next.waiting == 0 {
		s.next = &count{done: make(chan struct{})}
		s.next.ctx, s.next.cancel = context.WithCancel(context.WithoutCancel(ctx))
	}
	c := s.next
	c.waiting++
	if !s.running {
		s.running = true
		go s.run(read)
	}
	return c
}

func (s *sampler) leave(c *count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
	}
}

// run makes one count after the other, until nobody waits for one.
func (s *sampler) run(read func(context.Context) (Stats, error)) {
	for c := s.begin(); c != nil; c = s.begin() {
		start := time.Now()
		c.stats, c.err = read(c.ctx)
		s.keep(c, start)
		close(c.done)
	}
}

// begin is the count that is to be made now; nil if nobody waits for one.
func (s *sampler) begin() *count {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.next
	s.next, s.running = nil, c != nil
	return c
}

func (s *sampler) keep(c *count, start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.err == nil {
		s.stats, s.at, s.took = c.stats, time.Now(), time.Since(start)
	}
}

func (s *sampler) recent(maxAge time.Duration) (Stats, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.Delayed+s.stats.Processing > cheapCount {
		maxAge = max(maxAge, countShare*s.took)
	}
	return s.stats, !s.at.IsZero() && maxAge > 0 && time.Since(s.at) < maxAge
}
