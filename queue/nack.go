package queue

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/buntime/keyval/internal/sqldb"
)

// MaxErrorText bounds what is kept of a failure's text, in bytes; what is longer
// is cut.
const MaxErrorText = 1024

// A Failure says how an attempt has failed.
type Failure struct {
	// Delay, in milliseconds, replaces the next step of the message's
	// backoff schedule; nil leaves it.
	Delay *int64
	// Error is kept as the last error; "" means "nack".
	Error string
	// DeadLetter makes this attempt the last one, however many are left.
	DeadLetter bool
}

func (f Failure) text() string {
	if f.Error == "" {
		return "nack"
	}
	return clip(f.Error)
}

// clip cuts a text to MaxErrorText bytes, between characters.
func clip(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= MaxErrorText {
		return text
	}
	end := MaxErrorText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Nack ends a delivery that has failed: the message is tried again after the
// next step of its backoff schedule, or is dead if this was its last attempt.
// With a receipt that does not hold the message: ErrLockLost. Without one, a
// message that is gone or not locked is left as it is.
func (q *Queue) Nack(ctx context.Context, queues Names, id, receipt string, f Failure) error {
	if f.Delay != nil && (*f.Delay < 0 || *f.Delay > MaxDelay) {
		return invalid("delay is %d ms, want 0 to %d (30 days)", *f.Delay, int64(MaxDelay))
	}
	deadLetterID, err := newID()
	if err != nil {
		return err
	}
	n := nack{queues: queues, id: id, receipt: receipt, failure: f, deadLetterID: deadLetterID}
	err = q.nack(ctx, &n)
	if errors.Is(err, errNeedsFallback) {
		if n.fallback, err = q.fallback(ctx, id); err != nil {
			return err
		}
		err = q.nack(ctx, &n)
	}
	return err
}

// A nack is one failed attempt. Its fallback is read only once it is known that the
// message dies and has one.
type nack struct {
	queues       Names
	id, receipt  string
	failure      Failure
	deadLetterID string // if it dies
	fallback     *fallback

	dead  bool
	dueIn int64 // ms
}

// nack tries once, and is errNeedsFallback if it must be tried with the fallback.
func (q *Queue) nack(ctx context.Context, n *nack) error {
	s := settling(n.queues, n.id, n.receipt)
	s.onlyLocked = true
	s.bytes += n.fallback.size()
	s.again = n.fallback.again()
	err := q.settle(ctx, "queue_nack", s, func(tx *sqldb.Tx, r *record) error {
		failed := r.nacked(n.failure, n.deadLetterID)
		n.dead, n.dueIn = failed.dead(), failed.dueIn()
		if err := failed.stage(tx, n.id, n.fallback); err != nil || !n.dead {
			return err
		}
		return tx.Weigh(r.size) // the value moves
	})
	if err != nil || s.name == "" {
		return err
	}
	q.metrics.count(q.metrics.nacked, s.name, 1)
	if n.dead {
		q.metrics.count(q.metrics.deadLettered, s.name, 1)
	} else {
		q.arrived(s.name, n.dueIn)
	}
	return nil
}
