package queue

import (
	"context"
	"errors"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

const (
	// DefaultLock is 30 s, in milliseconds.
	DefaultLock = 30_000
	// MaxBatch is how many messages one dequeue may take.
	MaxBatch = 100
	// MaxWait bounds a long poll: 60 s, in milliseconds.
	MaxWait = 60_000

	// dequeueGrace is how long a dequeue whose wait is over stays for a round
	// that is taking messages for it.
	dequeueGrace = 10 * time.Second
)

// A Dequeue says what to take. Times are in milliseconds.
type Dequeue struct {
	// Queue is its name; "" means DefaultName.
	Queue string
	// Max is how many messages at most; 0 means 1.
	Max int
	// Lock is how long they are locked; 0 means DefaultLock.
	Lock int64
	// Wait is how long to wait for a message if none is ready.
	Wait int64
}

func (r Dequeue) withDefaults() Dequeue {
	if r.Queue == "" {
		r.Queue = DefaultName
	}
	if r.Max == 0 {
		r.Max = 1
	}
	if r.Lock == 0 {
		r.Lock = DefaultLock
	}
	return r
}

func (r Dequeue) validate() error {
	switch {
	case r.Max < 1 || r.Max > MaxBatch:
		return invalid("max is %d, want 1 to %d", r.Max, MaxBatch)
	case r.Wait < 0 || r.Wait > MaxWait:
		return invalid("wait is %d ms, want 0 to %d", r.Wait, int64(MaxWait))
	}
	if err := ValidateLock(r.Lock); err != nil {
		return err
	}
	return ValidateName(r.Queue)
}

// Dequeue takes messages that are ready, at least one if there is one, or waits
// for one; none is an empty answer, also when ctx is cancelled or the queue
// closes meanwhile. What it returns is locked: the caller must hand it over or
// Release it. When ctx's deadline passes: kv.ErrTimeout.
func (q *Queue) Dequeue(ctx context.Context, r Dequeue) ([]Message, error) {
	r = r.withDefaults()
	if err := r.validate(); err != nil {
		return nil, err
	}
	begun := q.begun(ctx)
	messages, err := q.dequeue(ctx, r)
	q.received(ctx, r.Queue, begun, messages)
	return messages, err
}

func (q *Queue) dequeue(ctx context.Context, r Dequeue) ([]Message, error) {
	t := &taker{lock: r.Lock, kind: forDequeue, want: r.Max, once: r.Wait == 0, answer: make(chan answer, 1)}
	if err := q.dispatcher.join(r.Queue, t); err != nil {
		return nil, err
	}
	var over <-chan time.Time
	var silence <-chan struct{}
	if r.Wait > 0 {
		timer := time.NewTimer(time.Duration(r.Wait) * time.Millisecond)
		defer timer.Stop()
		over = timer.C
	} else {
		silence = q.db.Silence()
	}
	select {
	case a := <-t.answer:
		return a.messages, a.err
	case <-ctx.Done():
	case <-silence:
		// The round that takes for it will hear of its outcome, but who knows when.
		return q.dispatcher.depart(t, sqldb.ErrSilent)
	case <-over:
		if q.dispatcher.lastCall(t) {
			grace := time.NewTimer(dequeueGrace)
			defer grace.Stop()
			select {
			case a := <-t.answer:
				return a.messages, a.err
			case <-ctx.Done():
			case <-grace.C:
			}
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return q.dispatcher.depart(t, kv.ErrTimeout)
	}
	return q.dispatcher.depart(t, nil)
}

// lastCall tells whether a round is taking messages for a dequeue whose wait is
// over: then it will be answered at its end.
func (d *dispatcher) lastCall(t *taker) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.once = true
	return t.inRound
}

// depart takes a dequeue out of its line. What a round is taking for it will be
// given back; what it has been answered already is its caller's, otherwise err is.
func (d *dispatcher) depart(t *taker, err error) ([]Message, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case a := <-t.answer:
		return a.messages, a.err
	default:
	}
	d.leaveLocked(t)
	return nil, err
}
