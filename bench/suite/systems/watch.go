package systems

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/buntime/keyval/bench/load"
)

// The operations of a watch, as those of keyval's own workload: from a commit's answer to its
// event, the commit, and both.
const (
	event = iota
	written
	both
)

// eventWait is how long a writer waits for an event before it counts as lost.
const eventWait = 10 * time.Second

// errNoEvent is named as keyval's workload names it: a timeout.
var errNoEvent = fmt.Errorf("no event: %w", context.DeadlineExceeded)

// arrival is an event: what its key was changed by, and when it was there.
type arrival struct {
	revision uint64
	at       time.Time
}

// put writes the n-th key and returns the revision that this made.
type put func(ctx context.Context, n int, value string) (revision uint64, err error)

// watched is a workload against a peer that has a stream for each key, all of them over one
// client. It is what keyval's workload "watch" is, but that each key has a writer of its own.
type watched[C any] struct {
	job[C]
	size Size
	// open opens the stream of the n-th key, so that all that is written later is an event
	// of it; what it returns tells of these until ctx ends.
	open func(ctx context.Context, client C, n int) (follow func(arrived func(revision uint64)), err error)
	// writer makes a worker's writer.
	writer func(ctx context.Context, client C) (put, error)

	client  C
	end     func() // the streams, nil if there are none
	running sync.WaitGroup
	streams []chan arrival
}

func (w *watched[C]) Operations() []string { return []string{"event", "put", "put and event"} }

// Prepare opens the streams, which stay open until Clean.
func (w *watched[C]) Prepare(ctx context.Context, progress func(float64)) error {
	if err := w.job.Prepare(ctx, progress); err != nil {
		return err
	}
	var err error
	if w.client, err = w.dial(ctx); err != nil {
		return err
	}
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.end = cancel
	for n := range w.size.Watchers {
		follow, err := w.open(streaming, w.client, n)
		if err != nil {
			return err
		}
		// Each key has one writer, which has read all events but the last when it writes.
		arrivals := make(chan arrival, 16)
		w.streams = append(w.streams, arrivals)
		w.running.Go(func() {
			follow(func(revision uint64) {
				select {
				case arrivals <- arrival{revision, time.Now()}:
				case <-streaming.Done():
				}
			})
		})
	}
	return nil
}

// Clean ends the streams.
func (w *watched[C]) Clean(context.Context) error {
	if w.end == nil {
		return nil
	}
	w.end()
	w.running.Wait()
	return w.hangUp(w.client)
}

// Worker writes the keys that no other one writes.
func (w *watched[C]) Worker(ctx context.Context, i int) (load.Worker, error) {
	client, err := w.dial(ctx)
	if err != nil {
		return nil, err
	}
	put, err := w.writer(ctx, client)
	if err != nil {
		return nil, errors.Join(err, w.hangUp(client))
	}
	size := w.size
	size.Keys = w.size.Watchers
	return &watching{
		put: put, close: func() error { return w.hangUp(client) },
		streams: w.streams, keys: mine(size, i), draw: newDraws(w.size, i),
	}, nil
}

// watching writes keys and waits for their events.
type watching struct {
	put     put
	close   func() error
	streams []chan arrival // of all keys
	keys    []int          // that are its own
	draw    *draws
	record  func(operation int, latency time.Duration, err error)
}

// RecordWith is load.Recorder's.
func (w *watching) RecordWith(record func(int, time.Duration, error)) { w.record = record }

func (w *watching) Close() error { return w.close() }

// Do writes a key and waits for the event, which may be there before the answer: then it took
// no time.
func (w *watching) Do(ctx context.Context) (int, error) {
	n := w.keys[w.draw.random.IntN(len(w.keys))]
	begun := time.Now()
	revision, err := w.put(ctx, n, w.draw.value())
	answered := time.Now()
	if ctx.Err() != nil {
		return both, context.Cause(ctx)
	}
	w.record(written, answered.Sub(begun), err)
	if err != nil {
		return both, err
	}
	return both, w.await(ctx, w.streams[n], revision, answered)
}

func (w *watching) await(ctx context.Context, arrivals <-chan arrival, revision uint64, answered time.Time) error {
	late := time.NewTimer(eventWait)
	defer late.Stop()
	for {
		select {
		case a := <-arrivals:
			if a.revision < revision { // an earlier one, for which nobody waited to the end
				continue
			}
			w.record(event, max(0, a.at.Sub(answered)), nil)
			return nil
		case <-late.C:
			w.record(event, eventWait, errNoEvent)
			return errNoEvent
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
