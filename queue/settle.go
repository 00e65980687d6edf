package queue

import (
	"context"

	"github.com/buntime/keyval/internal/sqldb"
)

// MaxLock bounds a lock, in milliseconds: 12 hours.
const MaxLock = 12 * 60 * 60 * 1000

// smallBytes is about what an operation stages that carries no value.
const smallBytes = 256

// Ack ends a message: its work is done. With a receipt only if that delivery
// still holds the lock, else ErrLockLost; without one also a message that is
// not locked, and one that is gone is fine.
func (q *Queue) Ack(ctx context.Context, queues Names, id, receipt string) error {
	s := settling(queues, id, receipt)
	s.expect = expectHeld(id, s.receipt)
	err := q.settle(ctx, "queue_ack", s, func(tx *sqldb.Tx, r *record) error {
		messages.Delete(tx, id)
		return nil
	})
	if err == nil && s.name != "" {
		q.metrics.count(q.metrics.acked, s.name, 1)
	}
	return err
}

// Extend renews the lock of a delivery to lock milliseconds from the commit and
// returns when it will end, in Unix milliseconds of the database's clock.
func (q *Queue) Extend(ctx context.Context, queues Names, id, receipt string, lock int64) (lockedUntil int64, err error) {
	if err := ValidateLock(lock); err != nil {
		return 0, err
	}
	if receipt == "" {
		return 0, invalid("extending a lock needs the receipt of its delivery")
	}
	s := settling(queues, id, receipt)
	s.goesOn = true
	shortened, dueIn := false, int64(0)
	err = q.settle(ctx, "queue_extend", s, func(tx *sqldb.Tx, r *record) error {
		extended := r.extended(lock)
		shortened, dueIn = lock < r.lockLeft, extended.dueIn()
		messages.Put(tx, id, extended)
		return nil
	})
	if err != nil {
		return 0, err
	}
	q.dispatcher.extended(id, lock)
	if shortened { // who waits for the lock's end waits for a later one
		q.arrived(s.name, dueIn)
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
	queues  Names // of which the message may be
	id      string
	receipt receipt // "" settles whatever delivery there is
	// expect spares reading the message; nil if it must be read.
	expect *sqldb.Expectation
	// onlyLocked leaves a message alone that no delivery holds.
	onlyLocked bool
	// goesOn is set when the delivery goes on afterwards.
	goesOn bool
	// bytes and again are as in sqldb.Op.
	bytes, again int

	name   string  // of the queue; "" if there was nothing to do
	held   receipt // what held the message
	commit sqldb.Commit
}

// settling is a settlement as a caller asks for it.
func settling(queues Names, id, by string) *settlement {
	return &settlement{queues: queues, id: id, receipt: receipt(by), bytes: smallBytes}
}

// settle runs change on the message if the settlement's receipt holds it, or if
// there is no receipt to hold it.
func (q *Queue) settle(ctx context.Context, op string, s *settlement, change func(*sqldb.Tx, *record) error) error {
	if !isID(s.id) {
		return s.withoutMessage()
	}
	ctx, span := q.traceSettling(ctx, op, s)
	defer span.End()
	commit, err := q.db.Do(ctx, &sqldb.Op{
		Name:     op,
		Reads:    []sqldb.Ref{messages.Ref(s.id)},
		Expect:   s.expect,
		Bytes:    s.bytes,
		Again:    s.again,
		Relieves: true,
		Apply: func(tx *sqldb.Tx) error {
			s.name, s.held = "", ""
			r := find(tx, s.queues, s.id)
			if s.receipt != "" && (r == nil || !r.heldBy(s.receipt)) {
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
		q.finished(delivery{s.name, s.id, s.held})
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
