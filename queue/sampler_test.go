package queue

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/buntime/keyval/kv"
)

// counting is a read of the counts that a test holds up. Its n-th answer says n.
type counting struct {
	begun, done chan struct{}
	reads       atomic.Int64
}

func (c *counting) read(ctx context.Context) (Stats, error) {
	n := c.reads.Add(1)
	select {
	case c.begun <- struct{}{}:
	case <-ctx.Done():
		return Stats{}, ctx.Err()
	}
	select {
	case <-c.done:
		return Stats{Counts: Counts{Pending: n}}, nil
	case <-ctx.Done():
		return Stats{}, ctx.Err()
	}
}

func newCounting() *counting {
	return &counting{begun: make(chan struct{}), done: make(chan struct{})}
}

// waitingFor waits until so many wait for the next count.
func (s *sampler) waitingFor(n int) {
	for {
		s.mu.Lock()
		waiting := 0
		if s.next != nil {
			waiting = s.next.waiting
		}
		s.mu.Unlock()
		if waiting == n {
			return
		}
	}
}

func TestWhoAsksForCountsWhileTheyAreMadeSharesTheNextOnes(t *testing.T) {
	t.Parallel()
	var s sampler
	c := newCounting()
	var all sync.WaitGroup
	ask := func(want int64) {
		all.Go(func() {
			if got, err := s.get(t.Context(), c.read, 0); err != nil || got.Pending != want {
				t.Errorf("answered by count %d, %v; want %d", got.Pending, err, want)
			}
		})
	}
	ask(1)
	<-c.begun
	const others = 50
	for range others {
		ask(2)
	}
	s.waitingFor(others)
	c.done <- struct{}{}
	<-c.begun
	c.done <- struct{}{}
	all.Wait()
	if got := c.reads.Load(); got != 2 {
		t.Errorf("%d counts were made, want 2", got)
	}
}

func TestACountEndsWithTheLastOfThoseWhoWaitForIt(t *testing.T) {
	t.Parallel()
	var s sampler
	c := newCounting()
	ask := func() (leave context.CancelFunc, answer chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		answer = make(chan error, 1)
		go func() {
			_, err := s.get(ctx, c.read, 0)
			answer <- err
		}()
		return cancel, answer
	}
	leaveFirst, first := ask()
	<-c.begun
	leaveSecond, second := ask()
	s.waitingFor(1)
	_, third := ask()
	s.waitingFor(2)
	leaveFirst() // nobody else waits for the count under way: it ends, and the next begins
	<-c.begun
	leaveSecond()
	for _, left := range []chan error{first, second} {
		if err := <-left; !errors.Is(err, context.Canceled) && !errors.Is(err, kv.ErrTimeout) {
			t.Errorf("who left was answered %v", err)
		}
	}
	c.done <- struct{}{}
	if err := <-third; err != nil {
		t.Errorf("who stayed was answered %v", err)
	}
}
