package watch

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// stretchBytes is about how many bytes of values a slow reader is given at a
// time. It holds one of the hub's places until they are written.
const stretchBytes = 256 << 10

// catchUpPatience is how long a stream that is behind waits for a replica that has nothing
// for it. It has waited before, and is in less of a hurry than the tailer.
const catchUpPatience = 200 * time.Millisecond

// A stretch is a part of the change log that a stream goes through by itself,
// because it is behind.
type stretch struct {
	changes []change // of what the stream watches
	// end is the position that the stream has come to when it has handed out
	// changes; "" when there is no stretch.
	end kv.Versionstamp
	// placed is set while the stream holds one of the hub's places.
	placed bool
	// idle is since when the replica has had nothing for the stream, although
	// there is something; zero: it has. Once its patience is over the stream reads
	// the primary until it is level.
	idle time.Time
}

func (b *stretch) foundNothing() {
	if b.idle.IsZero() {
		b.idle = time.Now()
	}
}

func (b *stretch) outOfPatience() bool {
	return !b.idle.IsZero() && time.Since(b.idle) >= catchUpPatience
}

func (b *stretch) active() bool { return b.end != "" }

func (b *stretch) enter(ctx context.Context, h *Hub) error {
	if b.placed {
		return nil
	}
	select {
	case h.slow <- struct{}{}:
		b.placed = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *stretch) leave(h *Hub) {
	if b.placed {
		b.placed = false
		<-h.slow
	}
}

// goOn begins the stretch that a stream which is behind goes on with.
func (s *Stream) goOn() error {
	if s.rejoin() {
		return nil
	}
	// There is something after the position, or the window would reach.
	var b batch
	position, primary := s.position, s.behind.outOfPatience()
	return s.ask(func(ctx context.Context) (err error) {
		b, err = s.hub.changes.after(ctx, position, primary)
		return err
	}, func() error { return s.goOnWith(b) })
}

// goOnWith makes a batch that follows the stream's position its stretch.
func (s *Stream) goOnWith(b batch) error {
	switch {
	case b.lost(s.position):
		err := &LostError{Oldest: b.oldest()}
		s.end(err)
		return err
	case b.end <= s.position: // the replica is behind the stream
		s.behind.foundNothing()
		return s.pause()
	case !b.primary:
		s.behind.idle = time.Time{}
	}
	s.behind.changes, s.behind.end = s.watched(b.changes), b.end
	return nil
}

// rejoin makes a stream live again if the window has all that it has missed:
// that becomes its stretch. In the same moment what comes later begins to be
// queued, so nothing is missed.
func (s *Stream) rejoin() bool {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	changes, ok := s.hub.window.after(s.position)
	if !ok {
		return false
	}
	s.behind.changes, s.behind.end = changes, max(s.position, s.hub.position)
	s.behind.idle = time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = true
	return true
}

// readStretch fetches the next part of the stretch.
func (s *Stream) readStretch() error {
	s.behind.changes = s.nextWatched(s.behind.changes)
	if len(s.behind.changes) == 0 {
		s.position = max(s.position, s.behind.end)
		s.behind.end, s.behind.changes = "", nil
		s.behind.leave(s.hub)
		return nil
	}
	part := s.watched(s.behind.changes[:wholeOperations(s.behind.changes, fetchChanges)])
	var entries []*kv.Entry
	return s.ask(func(ctx context.Context) (err error) {
		entries, err = s.hub.changes.resolve(ctx, part, false, stretchBytes)
		return err
	}, func() error {
		s.handOut(part, entries)
		return nil
	})
}

// handOut makes the first changes of the stretch ready, as many as have entries.
func (s *Stream) handOut(part []change, entries []*kv.Entry) {
	last := part[len(entries)-1].versionstamp
	s.hub.cfg.DB.Answered(sqldb.Position(last))
	s.ready = s.assemble(part, entries)
	s.skipTo(last)
}

// skipTo drops what the stretch has up to a position.
func (s *Stream) skipTo(position kv.Versionstamp) {
	rest := s.behind.changes
	for len(rest) > 0 && rest[0].versionstamp <= position {
		rest = rest[1:]
	}
	s.behind.changes = rest
}

// assemble makes events of a run of whole operations.
func (s *Stream) assemble(changes []change, entries []*kv.Entry) []*Event {
	var events []*Event
	for len(entries) > 0 {
		n := operationEnd(changes)
		var seen []kv.Entry
		for _, e := range entries[:n] {
			if e != nil {
				seen = append(seen, *e)
			}
		}
		if len(seen) > 0 {
			e := newEvent(changes[0].versionstamp, seen)
			s.hub.held.hold(e)
			events = append(events, e)
		}
		changes, entries = changes[n:], entries[n:]
	}
	return events
}

// watched are the changes of what the stream watches.
func (s *Stream) watched(changes []change) []change {
	var own []change
	for _, c := range changes {
		if s.filter.matches(c.key) {
			own = append(own, c)
		}
	}
	return own
}

// nextWatched begins at the first change of what the stream watches.
func (s *Stream) nextWatched(changes []change) []change {
	for len(changes) > 0 && !s.filter.matches(changes[0].key) {
		changes = changes[1:]
	}
	return changes
}
