package queue

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/buntime/keyval/internal/sqldb"
)

// lockExpired is the last error of a message whose receiver let its lock end.
const lockExpired = "lock expired"

// MaxErrorText bounds what is kept of a failure's text, in bytes; what is longer
// is cut.
const MaxErrorText = 1024

// MaxLock bounds a lock, in milliseconds: 12 hours.
const MaxLock = 12 * 60 * 60 * 1000

const (
	// smallBytes is about what an operation stages that carries no value.
	smallBytes = 256
	// releaseTimeout bounds giving messages back.
	releaseTimeout = 10 * time.Second
)

// Ack ends a message: its work is done. With a receipt only if that delivery
// still holds the lock, else ErrLockLost; without one also a message that is
// not locked, and one that is gone is fine.
func (q *Queue) Ack(ctx context.Context, id, receipt string) error {
	s := settlement{id: id, receipt: receipt, expect: expectHeld(id, receipt), bytes: smallBytes}
	err := q.settle(ctx, "queue_ack", &s, func(tx *sqldb.Tx, r *record) error {
		messages.Delete(tx, id)
		return nil
	})
	if err == nil && s.name != "" {
		q.metrics.count(q.metrics.acked, s.name, 1)
	}
	return err
}

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

// Nack ends a delivery that has failed: the message is tried again after the
// next step of its backoff schedule, or is dead if this was its last attempt.
// With a receipt that does not hold the message: ErrLockLost. Without one, a
// message that is gone or not locked is left as it is.
func (q *Queue) Nack(ctx context.Context, id, receipt string, f Failure) error {
	if f.Delay != nil && (*f.Delay < 0 || *f.Delay > MaxDelay) {
		return invalid("delay is %d ms, want 0 to %d (30 days)", *f.Delay, int64(MaxDelay))
	}
	deadID, err := newID()
	if err != nil {
		return err
	}
	n := nack{id: id, receipt: receipt, failure: f, deadID: deadID}
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
	id, receipt, deadID string
	failure             Failure
	fallback            *fallback
}

// nack tries once, and is errNeedsFallback if it must be tried with the fallback.
func (q *Queue) nack(ctx context.Context, n *nack) error {
	s := settlement{id: n.id, receipt: n.receipt, onlyLocked: true, bytes: smallBytes + n.fallback.size(), again: n.fallback.again()}
	var delay int64
	var dead bool
	err := q.settle(ctx, "queue_nack", &s, func(tx *sqldb.Tx, r *record) (err error) {
		failed := *r
		if n.failure.DeadLetter {
			failed.maxAttempts = failed.attempts
		}
		delay = backoffStep(r.backoff, r.attempts)
		if n.failure.Delay != nil {
			delay = *n.failure.Delay
		}
		if dead, err = failed.fail(tx, n.id, &delay, death{n.deadID, n.failure.text()}, n.fallback); err == nil && dead {
			err = tx.Weigh(r.size) // the value moves
		}
		return err
	})
	if err != nil || s.name == "" {
		return err
	}
	q.metrics.count(q.metrics.nacked, s.name, 1)
	if dead {
		q.metrics.count(q.metrics.dead, s.name, 1)
	} else {
		q.arrived(s.name, delay)
	}
	return nil
}

const fallbackSQL = `SELECT value,keys_if_undelivered FROM kv_queue WHERE id=?`

// fallback reads a message's; nil if it is gone.
func (q *Queue) fallback(ctx context.Context, id string) (*fallback, error) {
	rows, err := q.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: fallbackSQL, Args: []any{id}})
	if err != nil || len(rows) == 0 {
		return nil, failure(err)
	}
	return scanFallback(rows[0], 0)
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

// fail stages a failed attempt and tells whether it was the last one: then the
// fallback, the dead letter and the removal are one transaction. Without a delay the
// message is ready from its lock's end on. f is nil if it has not been read.
func (r record) fail(tx *sqldb.Tx, id string, delay *int64, d death, f *fallback) (dead bool, err error) {
	if r.attempts < r.maxAttempts {
		r.receipt, r.locked = "", false
		r.moved, r.readyIn, r.lockIn, r.failedBy = true, delay, nil, d.reason
		messages.Put(tx, id, r)
		return false, nil
	}
	if r.fallsBack {
		if f == nil {
			return true, errNeedsFallback
		}
		f.stage(tx)
	}
	r.death = &d
	messages.Put(tx, id, r)
	return true, nil
}

// Extend renews the lock of a delivery to lock milliseconds from the commit and
// returns when it will end, in Unix milliseconds of the database's clock.
func (q *Queue) Extend(ctx context.Context, id, receipt string, lock int64) (lockedUntil int64, err error) {
	if err := ValidateLock(lock); err != nil {
		return 0, err
	}
	if receipt == "" {
		return 0, invalid("extending a lock needs the receipt of its delivery")
	}
	s := settlement{id: id, receipt: receipt, goesOn: true, bytes: smallBytes}
	shortened := false
	err = q.settle(ctx, "queue_extend", &s, func(tx *sqldb.Tx, r *record) error {
		shortened = lock < r.lockLeft
		extended := *r
		extended.moved, extended.readyIn, extended.lockIn, extended.lockLeft = true, nil, &lock, lock
		messages.Put(tx, id, extended)
		return nil
	})
	if err != nil {
		return 0, err
	}
	q.dispatcher.extended(id, lock)
	if shortened { // who waits for the lock's end waits for a later one
		q.arrived(s.name, lock)
	}
	return s.commit.Time + lock, nil
}

// ValidateLock checks a lock's length in milliseconds.
func ValidateLock(lock int64) error {
	if lock < 1 || lock > MaxLock {
		return invalid("lock is %d ms, want 1 to %d (12 hours)", lock, int64(MaxLock))
	}
	return nil
}

// A settlement is one operation on one message that has been delivered.
type settlement struct {
	id, receipt string
	// expect spares reading the message; nil if it must be read.
	expect *sqldb.Expectation
	// onlyLocked leaves a message alone that no delivery holds.
	onlyLocked bool
	// goesOn is set when the delivery goes on afterwards.
	goesOn bool
	// bytes and again are as in sqldb.Op.
	bytes, again int

	name   string // of the queue; "" if there was nothing to do
	held   string // the receipt that held the message
	commit sqldb.Commit
}

// settle runs change on the message if the settlement's receipt holds it, or if
// there is no receipt to hold it.
func (q *Queue) settle(ctx context.Context, op string, s *settlement, change func(*sqldb.Tx, *record) error) error {
	if !isID(s.id) {
		return s.withoutMessage()
	}
	commit, err := q.db.Do(ctx, &sqldb.Op{
		Name:     op,
		Reads:    []sqldb.Ref{messages.Ref(s.id)},
		Expect:   s.expect,
		Bytes:    s.bytes,
		Again:    s.again,
		Relieves: true,
		Apply: func(tx *sqldb.Tx) error {
			s.name, s.held = "", ""
			r := find(tx, s.id)
			if s.receipt != "" && (r == nil || !r.locked || r.receipt != s.receipt) {
				return ErrLockLost
			}
			if r == nil || s.onlyLocked && !r.locked {
				return nil
			}
			s.name, s.held = r.queue, r.receipt
			return change(tx, r)
		},
	})
	if err != nil {
		return failure(err)
	}
	s.commit = commit
	if s.name != "" && !s.goesOn {
		q.finished(s.name, s.id, s.held)
	}
	return nil
}

// withoutMessage is what settling a message comes to that is not there.
func (s *settlement) withoutMessage() error {
	if s.receipt != "" {
		return ErrLockLost
	}
	return nil
}

// Release gives messages back that could not be handed over: they are ready
// again at once, in their old place, and the attempt does not count. Messages
// that have gone on meanwhile are left as they are. It ends when the database
// has answered, or after a while, whatever becomes of ctx: a message that was
// taken must not be lost to a cancelled request.
func (q *Queue) Release(ctx context.Context, taken []Message) error {
	if len(taken) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	refs := make([]sqldb.Ref, len(taken))
	for i, m := range taken {
		refs[i] = messages.Ref(m.ID)
	}
	released := map[string]string{}
	_, err := q.db.Do(ctx, &sqldb.Op{
		Name:     "queue_release",
		Reads:    refs,
		Bytes:    smallBytes * len(taken),
		Relieves: true,
		Apply: func(tx *sqldb.Tx) error {
			clear(released)
			for _, m := range taken {
				if r := find(tx, m.ID); r != nil && r.receipt == m.Receipt {
					messages.Put(tx, m.ID, r.released())
					released[m.ID] = r.queue
				}
			}
			return nil
		},
	})
	if err != nil {
		return failure(err)
	}
	for _, m := range taken {
		if name, ok := released[m.ID]; ok {
			q.finished(name, m.ID, m.Receipt)
			q.arrived(name, 0)
		}
	}
	return nil
}

// released is the message as it was before its delivery.
func (r record) released() record {
	r.attempts--
	r.receipt, r.locked = "", false
	r.moved, r.readyIn, r.lockIn = true, nil, nil
	return r
}
