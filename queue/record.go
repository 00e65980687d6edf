package queue

import (
	"github.com/buntime/keyval/internal/sqldb"
)

// A record is a row of kv_queue as operations see it: as it was read, with what an
// operation of the group makes of it. How a message goes from one state to the next is
// said here and nowhere else, in Go for one that an operation has read and in SQL for
// those that statements find. The row, while a delivery holds it:
//
//	id                   01a20729-5d3e-7c41-9f0a-6b1de0c52a77
//	value                {"job":1}                        as a blob
//	ready_at             1795703736512                    it was ready from then on
//	attempts             2                                this delivery counts
//	max_attempts         5
//	backoff_schedule     [1000,5000]                      NULL: the default
//	keys_if_undelivered  ["026c6f737400"]                 hexadecimal; NULL: none
//	status               processing                       else pending
//	locked_until         1795703766512                    NULL if pending
//	created_at           1795703735498
//	updated_at           1795703736512                    for people
//	queue                default
//	priority             0
//	size                 9                                bytes of value
//	receipt              0000000000000a3f0001d17.default  NULL if pending
//	last_error           nack                             NULL if none has failed
//	trace                00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01  NULL if not sampled
type record struct {
	queue                 string
	attempts, maxAttempts int
	receipt               receipt
	locked                bool    // the delivery's lock has not ended
	lockLeft              int64   // ms that the lock had left when it was read; a hint
	backoff               []int64 // nil: the default
	fallsBack             bool    // it has fallback keys
	size                  int     // of the value, in bytes

	becomes change // nil: it has not changed
}

// A change is what operations make of a row: added, *moved or *deadLettered. One that is
// done is deleted.
type change interface {
	write(id string, r *record, w recordWrites)
}

// added is a row that is new.
type added struct{ *Enqueue }

// moved is a row that has another place in its queue, or another lock.
type moved struct {
	ready readiness
	pause int64 // ms from the commit, if it is ready afterPause
	lock  int64 // ms from the commit; 0: no lock and no receipt
	// reason is why an attempt has failed; "" leaves the last error.
	reason string
}

// A readiness says when a message is ready that has moved.
type readiness int

const (
	inPlace    readiness = iota // when it was
	afterPause                  // when a pause has passed
	atLockEnd                   // since its lock has ended
)

// deadLettered is a row that is replaced by a dead letter.
type deadLettered struct{ id, reason string }

// What statements go by, of a message q. The index keyval_queue_due has the first two:
// a statement finds its rows there only if it uses the very expressions.
const (
	// dueAtSQL is when a message may be delivered: when it becomes ready or its lock ends.
	dueAtSQL = `coalesce(locked_until,ready_at)`
	// retriableSQL holds for one that has attempts left: see retriable.
	retriableSQL   = `attempts<max_attempts`
	lastAttemptSQL = `attempts>=max_attempts`

	// dueSQL holds for one that may be delivered now, if it is retriable, and laterSQL
	// for one that may not yet. (time+0 has no type affinity: with one, SQLite would not
	// seek in the index on an expression.)
	dueSQL     = dueAtSQL + `<=(SELECT ` + sqldb.NowSQL + ` FROM keyval_sequence s)`
	dueThenSQL = dueAtSQL + `<=(SELECT time+0 FROM keyval_sequence)` // at the transaction's time
	laterSQL   = dueAtSQL + `>(SELECT ` + sqldb.NowSQL + ` FROM keyval_sequence s)`

	// waitsSQL holds for one that waits to be delivered, ready or not, if it is retriable.
	waitsSQL = `(locked_until IS NULL OR locked_until<=(SELECT ` + sqldb.NowSQL + ` FROM keyval_sequence s))`

	// lockedSQL holds while a lock holds, lockEndedSQL from its end on.
	lockedSQL     = `locked_until>` + sqldb.NowSQL
	lockedThenSQL = `locked_until>s.time` // at the transaction's time
	lockEndedSQL  = `locked_until<=` + sqldb.NowSQL

	// outSQL holds for one that is out, of those with a lock: see out.
	outSQL = `(` + lockedSQL + ` OR ` + lastAttemptSQL + `)`
)

// lockExpired is the last error of a message whose receiver let its lock end.
const lockExpired = "lock expired"

// defaultBackoff is the schedule of a message that brings none.
var defaultBackoff = []int64{1_000, 5_000, 30_000, 60_000}

// takenSetSQL is what operation ?3 makes of a message that t takes. A lock that it still
// has has ended: that is a failed attempt, as in timedOut.
var takenSetSQL = `status='processing',attempts=attempts+1,ready_at=` + dueAtSQL + `,locked_until=s.time+t.lock,updated_at=s.time,
receipt=` + receiptSQL("?3") + `,
last_error=CASE WHEN locked_until IS NULL THEN last_error ELSE '` + lockExpired + `' END`

// retriable tells whether a message may be tried again when its running attempt fails.
func (r *record) retriable() bool { return r.attempts < r.maxAttempts }

// out tells whether the message is being processed: locked, or its last lock has
// ended and it waits to become a dead letter.
func (r *record) out() bool { return r.locked || r.receipt != "" && !r.retriable() }

// lockEnded tells whether the lock of the message's delivery has ended.
func (r *record) lockEnded() bool { return r.receipt != "" && !r.locked }

// heldBy tells whether a delivery holds the message.
func (r *record) heldBy(by receipt) bool { return r.locked && r.receipt == by }

// nacked is the message after an attempt that has failed: tried again after a pause, or
// dead.
func (r record) nacked(f Failure, deadLetterID string) record {
	if f.DeadLetter || !r.retriable() {
		return r.deadLettered(deadLetterID, f.text())
	}
	pause := backoffStep(r.backoff, r.attempts)
	if f.Delay != nil {
		pause = *f.Delay
	}
	return r.unlocked(moved{ready: afterPause, pause: pause, reason: f.text()})
}

// backoffStep is the pause, in milliseconds, after a number of failed attempts.
func backoffStep(schedule []int64, attempts int) int64 {
	if schedule == nil {
		schedule = defaultBackoff
	}
	if len(schedule) == 0 {
		return 0
	}
	return schedule[min(max(attempts, 1), len(schedule))-1]
}

// timedOut is the message after its lock has ended: ready from then on, as a take sees
// it, because the lock was pause enough, or dead.
func (r record) timedOut(deadLetterID string) record {
	if !r.retriable() {
		return r.deadLettered(deadLetterID, lockExpired)
	}
	return r.unlocked(moved{ready: atLockEnd, reason: lockExpired})
}

// extended is the message with a lock of so many milliseconds from the commit.
func (r record) extended(lock int64) record {
	r.lockLeft, r.becomes = lock, &moved{lock: lock}
	return r
}

// released is the message as it was before its delivery.
func (r record) released() record {
	r.attempts--
	return r.unlocked(moved{ready: inPlace})
}

func (r record) unlocked(m moved) record {
	r.receipt, r.locked, r.becomes = "", false, &m
	return r
}

func (r record) deadLettered(id, reason string) record {
	r.becomes = &deadLettered{id, reason}
	return r
}

// dead tells whether the message has become a dead letter.
func (r *record) dead() bool {
	_, dead := r.becomes.(*deadLettered)
	return dead
}

// dueIn is how many milliseconds after the commit a message that has moved may be
// delivered: at the end of its pause, or of its lock.
func (r *record) dueIn() int64 {
	m, ok := r.becomes.(*moved)
	if !ok {
		return 0
	}
	return m.pause + m.lock // it has one of them at most
}

// stage stages a message whose attempt has failed. If it is dead its fallback is staged
// with it: f is nil if that has not been read.
func (r record) stage(tx *sqldb.Tx, id string, f *fallback) error {
	if r.dead() && r.fallsBack {
		if f == nil {
			return errNeedsFallback
		}
		f.stage(tx)
	}
	messages.Put(tx, id, r)
	return nil
}

// find is the message as the operations before this one have left it; nil if
// there is none any more, or none in these queues. That holds also for one that is only
// believed to be held (expectHeld): the guard compares its receipt, which names the queue.
func find(tx *sqldb.Tx, queues Names, id string) *record {
	r := messages.Get(tx, id)
	if r == nil || r.dead() || !queues.Holds(r.queue) {
		return nil
	}
	return r
}
