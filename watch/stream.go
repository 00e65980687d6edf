package watch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/buntime/keyval/kv"
)

// Bounds of what waits for one reader, and for all readers of a node. A buffer
// that holds nothing takes any event.
const (
	maxQueued      = 128
	maxQueuedBytes = 1 << 20
	maxHeldBytes   = 64 << 20
)

// A Stream is one watcher's view of the change log. Next is for one goroutine.
type Stream struct {
	hub    *Hub
	filter Filter // normal
	wake   chan struct{}

	mu sync.Mutex // covers what follows
	// live is set while events are queued. A stream that is not live is behind
	// and reads the log.
	live   bool
	queue  []*Event
	queued int // bytes
	err    error

	// What follows belongs to the reader.

	start   kv.Versionstamp
	initial *Event // the state at the start, until it is handed out
	// position is that of the last event that was handed out, or the one up to
	// which there was none.
	position kv.Versionstamp
	ready    []*Event // to be handed out next
	given    *Event   // handed out last, unless it was the initial state
	behind   stretch
	errand   *errand // under way; nil for none
	failed   error   // why the last errand was in vain; nil if it was not
	timer    *time.Timer
	closed   bool
}

func newStream(h *Hub, f Filter) *Stream {
	return &Stream{hub: h, filter: f.normal(), wake: make(chan struct{}, 1)}
}

// Start is the position that the stream begins at: its initial state's, or the
// one that it was resumed from.
func (s *Stream) Start() kv.Versionstamp { return s.start }

// Passed is a position up to which the stream has handed out everything. It is
// for the reader, after Next has returned no event.
func (s *Stream) Passed() kv.Versionstamp { return s.position }

// level tells whether the stream waits for nothing but news.
func (s *Stream) level() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live && s.errand == nil && !s.behind.active()
}

// Next returns the next event, nil if there was none for an idle time, or a
// LostError or ErrClosed when the stream has ended. The event before counts as
// written. Next never waits for the database for longer than that.
func (s *Stream) Next(ctx context.Context, idle time.Duration) (*Event, error) {
	s.release()
	deadline := time.Now().Add(idle)
	for {
		e, err := s.take()
		if e != nil || err != nil {
			return e, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, nil
		}
		if err := s.wait(ctx, left); err != nil {
			return nil, err
		}
	}
}

// Wrote notes that an event has been written to the client.
func (s *Stream) Wrote(e *Event) { s.hub.metrics.wrote(e) }

// wait returns when something has happened, or after a while.
func (s *Stream) wait(ctx context.Context, d time.Duration) error {
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	defer s.timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.wake:
	case <-s.timer.C:
	}
	return nil
}

// take returns what is there, nil for nothing.
func (s *Stream) take() (*Event, error) {
	if e := s.initial; e != nil {
		s.initial = nil
		return e, nil
	}
	for {
		for len(s.ready) > 0 {
			e := s.ready[0]
			s.ready[0], s.ready = nil, s.ready[1:]
			if e.Versionstamp <= s.position {
				s.hub.held.release(e) // the initial state or a stretch had it
				continue
			}
			s.position, s.given = e.Versionstamp, e
			return e, nil
		}
		s.ready = nil
		more, err := s.refill()
		if err != nil || !more {
			return nil, err
		}
	}
}

// refill finds events to hand out, or gets a step nearer to them; not more
// when nothing waits, or only the database knows.
func (s *Stream) refill() (more bool, err error) {
	if s.errand != nil {
		return s.comeBack()
	}
	if s.behind.active() {
		return true, s.readStretch()
	}
	// Before the queue is looked at: what has been passed by now is in it.
	passed := s.hub.passed.load()
	s.mu.Lock()
	queue, live, err := s.queue, s.live, s.err
	s.queue, s.queued = nil, 0
	s.mu.Unlock()
	switch {
	case err != nil:
		s.drop(queue)
		return false, err
	case len(queue) > 0:
		s.ready = queue
		return true, nil
	case !live:
		return true, s.goOn()
	}
	s.position = max(s.position, passed)
	return false, nil
}

// push queues an event. A reader that has let too many wait loses them, and
// finds them in the log again.
func (s *Stream) push(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || s.err != nil {
		return
	}
	if len(s.queue) > 0 && (len(s.queue) >= maxQueued || s.queued+e.size > maxQueuedBytes || s.hub.held.bytes.Load() > maxHeldBytes) {
		s.drop(s.queue)
		s.queue, s.queued, s.live = nil, 0, false
		s.hub.metrics.fallbacks.Inc()
		return
	}
	s.hub.held.hold(e)
	s.queue = append(s.queue, e)
	s.queued += e.size
	s.signal()
}

func (s *Stream) drop(events []*Event) {
	for _, e := range events {
		s.hub.held.release(e)
	}
}

// end ends the stream with an error.
func (s *Stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		if errors.As(err, new(*LostError)) {
			s.hub.metrics.resets.Inc()
		}
	}
	s.signal()
}

func (s *Stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// release lets go of the event that was handed out last, and of the place of a
// slow reader when its stretch has been written.
func (s *Stream) release() {
	if s.given != nil {
		s.hub.held.release(s.given)
		s.given = nil
	}
	if len(s.ready) == 0 && s.errand == nil {
		s.behind.leave(s.hub)
	}
}

// Close takes the stream out of the hub. Twice is safe.
func (s *Stream) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.dropErrand()
	s.hub.detach(s)
	s.mu.Lock()
	s.live = false
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	s.drop(queue)
	s.drop(s.ready)
	s.ready = nil
	s.release()
	s.behind.leave(s.hub)
}
