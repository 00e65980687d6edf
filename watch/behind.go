package watch

import (
	"context"
	"errors"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// stretchBytes is about how many bytes of values a slow reader is given at a
// time. It holds one of the hub's places until they are written.
const stretchBytes = 256 << 10

// A stretch is a part of the change log that a stream goes through by itself,
// because it is behind.
type stretch struct {
	changes []change // of what the stream watches
	// end is the position that the stream has come to when it has handed out
	// changes; "" when there is no stretch.
	end kv.Versionstamp
	// placed is set while the stream holds one of the hub's places.
	placed bool
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

// fallBehind finds the stretch that a stream which is behind goes on with.
func (s *Stream) fallBehind(ctx context.Context) error {
	if s.rejoin() {
		return nil
	}
	b, err := s.readLog(ctx)
	if err != nil {
		return err
	}
	if b.lost(s.position) {
		err := &LostError{Oldest: b.oldest()}
		s.end(err)
		return err
	}
	if b.end > s.position { // or the replica is behind the stream
		s.behind.changes, s.behind.end = s.watched(b.changes), b.end
	}
	return nil
}

// goOn is fallBehind for a stream that has begun: when the database fails, it
// waits, because its client would only come back with the same question.
func (s *Stream) goOn(ctx context.Context) error {
	err := s.fallBehind(ctx)
	if err == nil && s.behind.active() {
		return nil
	}
	if _, lost := errors.AsType[*LostError](err); lost {
		return err
	}
	return s.pauseAfter(ctx, err)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = true
	return true
}

// readLog reads the log after the stream's position, which the window does not
// reach.
func (s *Stream) readLog(ctx context.Context) (b batch, err error) {
	if err := s.behind.enter(ctx, s.hub); err != nil {
		return batch{}, err
	}
	err = s.hub.changes.catchUp(ctx, func() error {
		b, err = s.hub.changes.after(ctx, s.position, false)
		return err
	})
	return b, err
}

// readStretch hands out the next part of the stretch.
func (s *Stream) readStretch(ctx context.Context) error {
	s.behind.changes = s.nextWatched(s.behind.changes)
	if len(s.behind.changes) == 0 {
		s.position = max(s.position, s.behind.end)
		s.behind.end, s.behind.changes = "", nil
		s.behind.leave(s.hub)
		return nil
	}
	if err := s.behind.enter(ctx, s.hub); err != nil {
		return err
	}
	part := s.watched(s.behind.changes[:wholeOperations(s.behind.changes, fetchChanges)])
	var entries []*kv.Entry
	err := s.hub.changes.catchUp(ctx, func() (err error) {
		entries, err = s.hub.changes.resolve(ctx, part, stretchBytes)
		return err
	})
	if err != nil {
		return s.pauseAfter(ctx, err)
	}
	last := part[len(entries)-1].versionstamp
	s.hub.cfg.DB.Answered(sqldb.Position(last))
	s.ready = s.assemble(part, entries)
	s.skipTo(last)
	return nil
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

// pauseAfter waits a moment after the database has failed or had nothing new.
func (s *Stream) pauseAfter(ctx context.Context, failed error) error {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if failed != nil && ctx.Err() == nil {
		s.hub.log.Debug("a watcher that is behind cannot be served yet", "error", failed)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(fetchAgain):
		return nil
	}
}
