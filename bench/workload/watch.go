package workload

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/httpapi/client"
)

// openers is how many streams are being opened at once: a node's queue of new connections
// has an end.
const openers = 64

// eventWait is how long a writer waits for an event before it counts as lost.
const eventWait = 10 * time.Second

// The operations of watch, as indexes of watch.Operations.
const (
	event = iota
	written
	both
)

func openWatch(p *place) Workload { return &watch{place: p} }

// watch has a stream for each key. A worker writes a key whose stream is at another endpoint
// than its own, if there are several, and waits until that stream has told of it.
type watch struct {
	*place
	streams []*stream
	clients []*client.Client // one for each endpoint
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Operations are the time from the answer to a commit until its event, that of the commit,
// and both together.
func (w *watch) Operations() []string { return []string{"event", "put", "put and event"} }

// Prepare opens the streams, which stay open until Clean.
func (w *watch) Prepare(ctx context.Context, progress func(float64)) error {
	if err := w.connect(); err != nil {
		return err
	}
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	for i := range w.Watchers {
		w.streams = append(w.streams, &stream{key: w.key(i), opened: make(chan struct{})})
	}
	told := &share{whole: w.Watchers, progress: progress}
	g, opening := errgroup.WithContext(ctx)
	g.SetLimit(openers)
	for i, s := range w.streams {
		g.Go(func() error {
			if opening.Err() != nil {
				return context.Cause(opening)
			}
			w.running.Go(func() { s.follow(streaming, w.clients[i%len(w.clients)]) })
			if err := s.waitOpen(opening); err != nil {
				return err
			}
			told.add(1)
			return nil
		})
	}
	return cmp.Or(g.Wait(), context.Cause(ctx))
}

// connect makes a client for each endpoint: one of several would go where it likes.
func (w *watch) connect() error {
	for _, url := range w.URLs {
		c, err := w.Client([]string{url})
		if err != nil {
			return err
		}
		w.clients = append(w.clients, c)
	}
	return nil
}

// Clean ends the streams, too.
func (w *watch) Clean(ctx context.Context) error {
	if w.cancel != nil {
		w.cancel()
	}
	w.running.Wait()
	for _, c := range w.clients {
		c.CloseIdleConnections()
	}
	return w.place.Clean(ctx)
}

// Worker is a writer.
func (w *watch) Worker(ctx context.Context, i int) (load.Worker, error) {
	at := w.writesAt(i)
	c, err := w.dial(ctx, w.URLs[at])
	return &watching{
		caller:  caller{place: w.place, conn: c, rand: w.random(i)},
		parts:   unrecorded(),
		streams: w.streams,
		at:      at,
		waiting: waiting{arrived: make(chan arrival, 1)},
	}, err
}

// writesAt is the endpoint of the i-th writer. One lone stream is at the first endpoint, and
// nobody writes there if there are others.
func (w *watch) writesAt(i int) int {
	if n := len(w.URLs); w.Watchers == 1 && n > 1 {
		return 1 + i%(n-1)
	}
	return i % len(w.URLs)
}

type watching struct {
	caller
	parts
	streams []*stream
	at      int // the endpoint
	waiting waiting
}

// Do writes a key and waits for the event.
func (w *watching) Do(ctx context.Context) (int, error) {
	n := w.pick()
	s := w.streams[n]
	s.expect(&w.waiting)
	defer s.forget(&w.waiting)
	var answered time.Time
	err := w.timed(ctx, written, func(ctx context.Context) error {
		answer, err := w.write(ctx, n)
		if err != nil {
			return err
		}
		answered = time.Now()
		return s.committed(&w.waiting, string(member(answer.Body, "versionstamp")))
	})
	if err != nil {
		return both, err
	}
	return both, w.await(ctx, answered)
}

// pick is a key whose stream is elsewhere.
func (w *watching) pick() int {
	n, endpoints := w.rand.IntN(len(w.streams)), len(w.URLs)
	for endpoints > 1 && n%endpoints == w.at {
		n = (n + 1) % len(w.streams)
	}
	return n
}

// await records how much later than the answer the event came; one that came before it took
// no time.
func (w *watching) await(ctx context.Context, answered time.Time) error {
	select {
	case a := <-w.waiting.arrived:
		w.record(event, max(0, a.at.Sub(answered)), a.err)
		return a.err
	case <-time.After(eventWait):
		w.record(event, eventWait, errNoEvent)
		return errNoEvent
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
