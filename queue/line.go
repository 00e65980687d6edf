package queue

import (
	"slices"
	"time"
)

// A line is those who wait on this node for the messages of one queue, with what
// the node knows about the queue. The dispatcher's mutex covers it.
type line struct {
	name string
	// takers in the order of their turns.
	takers []*taker
	// hot: a round may find something. Cold: one that is asked now finds
	// nothing, as far as this node knows.
	hot bool
	// news counts what has come; it tells an answer of the database that is
	// older than the newest of it.
	news uint64
	// due is when the next message that the node knows of becomes ready, and
	// the line hot; lookAt is when to ask the database. Zero: never.
	due, lookAt time.Time
}

// A taker waits for messages: a dequeue for its only answer, a listener for as
// long as it lives.
type taker struct {
	line *line
	lock int64 // ms
	kind byte
	// want is how many messages it takes at the moment.
	want int
	// once: it would rather have an empty answer than wait.
	once bool
	// inRound is set while a round takes for it.
	inRound bool
	// gone: what is taken for it is given back.
	gone bool

	answer   chan answer // of a dequeue; has room for its only one
	listener *Listener
}

// An answer ends a dequeue.
type answer struct {
	messages []Message
	err      error
}

// joinLocked puts a taker at the end of the line.
func (l *line) joinLocked(t *taker) {
	t.line = l
	l.takers = append(l.takers, t)
}

// leaveLocked takes a taker out of the line.
func (l *line) leaveLocked(t *taker) {
	if i := slices.Index(l.takers, t); i >= 0 {
		l.takers = slices.Delete(l.takers, i, i+1)
	}
}

// wantedLocked tells whether anyone takes messages at the moment.
func (l *line) wantedLocked() bool {
	return slices.ContainsFunc(l.takers, func(t *taker) bool { return t.want > 0 && !t.gone })
}

// wakeLocked notes that something has come.
func (l *line) wakeLocked() {
	l.hot = true
	l.news++
}

// dueAtLocked notes when something will be ready.
func (l *line) dueAtLocked(t time.Time) { l.due = earliest(l.due, t) }

// scheduleLookLocked notes when to ask the database.
func (l *line) scheduleLookLocked(t time.Time) { l.lookAt = earliest(l.lookAt, t) }

// earliest is the earlier of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// past tells whether a time has come; zero never does.
func past(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
