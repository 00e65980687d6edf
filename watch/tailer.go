package watch

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sleep"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

const (
	// breath is how long the tailer rests after it has read nothing that anybody
	// watches: with thousands of such commits a second, one question for each
	// would be most of a node's work.
	breath = 2 * time.Millisecond
	// fetchAgain is the pause after a failed read of values.
	fetchAgain = 100 * time.Millisecond
)

// tail follows the change log until ctx ends: when something tells of a
// commit, and at the interval.
func (h *Hub) tail(ctx context.Context) {
	ticker := time.NewTicker(h.cfg.Interval)
	defer ticker.Stop()
	failed := false
	var round time.Time // the end of the last one
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-ticker.C:
		}
		if h.park() {
			continue
		}
		if early := h.rest() - time.Since(round); early > 0 {
			sleep.For(ctx, early)
		}
		err := h.advance(ctx)
		round = time.Now()
		if err != nil != failed && ctx.Err() == nil {
			failed = err != nil
			if failed {
				h.log.Error("the change log cannot be read; watchers wait", "error", err)
			} else {
				h.log.Info("the change log can be read again")
			}
		}
		ticker.Reset(h.cfg.Interval)
	}
}

// rest is how long after a round the next one begins at the earliest.
func (h *Hub) rest() time.Duration {
	switch {
	case h.lag.onPrimary(time.Now()):
		return primaryBreath
	case !h.delivered:
		return breath
	}
	return 0
}

// advance reads the log up to its end, or up to what is said to exist.
func (h *Hub) advance(ctx context.Context) error {
	h.delivered = false
	target, pause := h.hint.load(), firstPause
	for {
		before, asked := h.tailPosition(), time.Now()
		b, err := h.changes.after(ctx, before, h.lag.onPrimary(asked))
		if err != nil {
			return err
		}
		b.asked = asked
		if err := h.dispatch(ctx, before, b); err != nil {
			return err
		}
		switch {
		case b.more:
			continue
		case b.primary:
			if b.position < target {
				h.hint.takeBack(target, b.position)
			}
			return nil
		// A replica that is behind the tailer cannot tell whether there is more.
		case b.position >= before && h.tailPosition() >= target:
			h.lag.over()
			return nil
		case b.end > before:
			pause = firstPause // the replica is moving
		}
		h.lag.missed(asked)
		if h.lag.onPrimary(time.Now()) {
			continue
		}
		if sleep.For(ctx, pause); ctx.Err() != nil {
			return ctx.Err()
		}
		pause = min(2*pause, longestPause)
	}
}

func (h *Hub) tailPosition() kv.Versionstamp {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position
}

// dispatch gives a batch, read after position, to the streams that watch it.
func (h *Hub) dispatch(ctx context.Context, position kv.Versionstamp, b batch) error {
	switch {
	case b.lost(position):
		h.restart(b)
		return nil
	case b.end <= position:
		return nil // nothing new, or a replica that is behind
	}
	wanted := h.match(b)
	ctx, span := h.trace(ctx, position, b, len(wanted))
	defer span.End()
	for len(wanted) > 0 {
		entries, err := h.changes.resolve(ctx, wanted, b.primary, sqldb.MaxAnswer)
		if err != nil {
			// The streams have been promised this batch: it is not given up.
			h.log.WarnContext(ctx, "values for watchers cannot be read; trying again", "error", err)
			if sleep.For(ctx, fetchAgain); ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		h.delivered = true
		h.deliver(wanted[:len(entries)], entries)
		wanted = wanted[len(entries):]
	}
	h.passed.raise(b.end)
	return nil
}

// match takes a batch into the window, moves the position on, and returns the
// changes that anybody watches.
func (h *Hub) match(b batch) []change {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wanted []change
	for _, c := range b.changes {
		if h.streams.watched(c.key) {
			wanted = append(wanted, c)
		}
	}
	h.window.add(b.changes)
	h.position = b.end
	return wanted
}

// deliver gives whole operations to the streams that watch them. What is
// delivered counts as answered: a session read does not show less.
func (h *Hub) deliver(changes []change, entries []*kv.Entry) {
	h.cfg.DB.Answered(sqldb.Position(changes[len(changes)-1].versionstamp))
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(changes) > 0 {
		n := operationEnd(changes)
		h.deliverOperation(changes[0].versionstamp, entries[:n])
		changes, entries = changes[n:], entries[n:]
	}
}

func (h *Hub) deliverOperation(v kv.Versionstamp, entries []*kv.Entry) {
	committed := h.commits.of(v)
	if len(entries) == 1 {
		if entries[0] == nil {
			return
		}
		e := newEvent(v, []kv.Entry{*entries[0]})
		e.committed = committed
		for s := range h.streams.watching(entries[0].Key) {
			s.push(e)
		}
		return
	}
	parts := map[*Stream][]byte{} // the numbers of a stream's entries, two bytes each
	for i, entry := range entries {
		if entry == nil {
			continue
		}
		for s := range h.streams.watching(entry.Key) {
			parts[s] = append(parts[s], byte(i>>8), byte(i))
		}
	}
	events := map[string]*Event{} // streams with the same entries share one
	for s, part := range parts {
		e := events[string(part)]
		if e == nil {
			own := make([]kv.Entry, 0, len(part)/2)
			for j := 0; j < len(part); j += 2 {
				own = append(own, *entries[int(part[j])<<8|int(part[j+1])])
			}
			e = newEvent(v, own)
			e.committed = committed
			events[string(part)] = e
		}
		s.push(e)
	}
}

// restart goes on at a batch's position after the log has been lost before
// it: it was compacted faster than it was read, or the database has begun
// another incarnation. All streams are told.
func (h *Hub) restart(b batch) {
	h.log.Warn("the change log does not reach back to the watchers' position; all streams are reset",
		"oldest", b.oldest(), "position", b.position)
	h.passed.raise(b.position)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.position, h.window = b.position, window{start: b.position}
	h.endAllLocked(&LostError{Oldest: b.oldest()})
}
