package queue

import (
	"context"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A State is where in its life a message is that is neither done nor dead.
type State string

const (
	// Ready messages are delivered to the next one who asks.
	Ready State = "ready"
	// Delayed messages become ready later.
	Delayed State = "delayed"
	// Processing messages are locked by a delivery, or were on their last attempt
	// and wait to become dead letters.
	Processing State = "processing"
)

func (s State) validate() error {
	switch s {
	case "", Ready, Delayed, Processing:
		return nil
	}
	return invalid("state must be %s, %s or %s", Ready, Delayed, Processing)
}

// A Browse says which messages to look at, without taking them.
type Browse struct {
	// Queue is its name; "" means DefaultName.
	Queue string
	// State selects; "" is all.
	State State
	// Limit is how many at most.
	Limit int
	// MaxBytes ends a page before the message, unless it is the first, whose value
	// would make it larger.
	MaxBytes int
	// Cursor goes on after the last message of the page that it came with, for the
	// same queue and state; "" begins.
	Cursor string
}

// A Browsed message is one that lies in its queue. Times are in Unix milliseconds of
// the database's clock.
type Browsed struct {
	ID         string
	Value      []byte // JSON text
	Attempts   int    // deliveries, a running one included
	Priority   int
	EnqueuedAt int64
	// ReadyAt is when it became or becomes ready.
	ReadyAt int64
	// LockedUntil is when the lock of its delivery ends; 0 if there is none.
	LockedUntil int64
}

// Browse lists messages: first those that wait, in the order of their delivery as
// things stand (of higher priority, then ready earlier, then enqueued earlier), then
// those that are being processed, by when their locks end. The cursor is "" at the
// end; a page may have fewer than Limit before it, for MaxBytes. A page is not
// one snapshot: a message that moves on meanwhile may be missed or met twice.
func (q *Queue) Browse(ctx context.Context, b Browse) (messages []Browsed, cursor string, err error) {
	if b.Queue == "" {
		b.Queue = DefaultName
	}
	if err := ValidateName(b.Queue); err != nil {
		return nil, "", err
	}
	at, err := b.start()
	if err != nil {
		return nil, "", err
	}
	for bytes := 0; ; {
		rows, err := q.browse(ctx, b, at, b.Limit-len(messages)+1)
		if err != nil {
			return nil, "", failure(err)
		}
		for _, row := range rows {
			m := scanBrowsed(row, at.out)
			bytes += len(m.Value)
			if len(messages) == b.Limit || bytes > b.MaxBytes && len(messages) > 0 {
				return messages, at.cursor(b), nil
			}
			messages, at = append(messages, m), at.spotOf(row)
		}
		if len(rows) > 0 && len(rows) < int(rows[0].Integer(8)) {
			continue // the statement has stopped for its answer's size
		}
		if at.out || b.State != "" {
			return messages, "", nil
		}
		at = spot{out: true}
	}
}

func (q *Queue) browse(ctx context.Context, b Browse, at spot, limit int) ([]sqldb.Row, error) {
	return q.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: browseSQL[at.walk(b.State)],
		Args: []any{b.Queue, at.priority, at.due, at.row, int64(limit), int64(1 << 62), int64(takeBytes)}})
}

func scanBrowsed(row sqldb.Row, out bool) Browsed {
	m := Browsed{
		ID:         row.Text(0),
		Value:      row.Bytes(1),
		Attempts:   int(row.Integer(2)),
		Priority:   int(row.Integer(3)),
		EnqueuedAt: row.Integer(4),
		ReadyAt:    row.Integer(5),
	}
	if out {
		m.ReadyAt, m.LockedUntil = row.Integer(9), row.Integer(6)
	}
	return m
}

// A spot is a place in the order of a Browse: behind a message, or before all.
type spot struct {
	out           bool // among what is being processed
	priority, due int64
	row           int64
}

// first is the spot before everything in a state.
func (s State) first() spot {
	return spot{out: s == Processing, priority: MaxPriority + 1}
}

// walk is the state whose statement goes on from the spot.
func (at spot) walk(s State) State {
	if at.out {
		return Processing
	}
	return s
}

// spotOf is the spot behind a message. Every statement ends in the same columns.
func (at spot) spotOf(row sqldb.Row) spot {
	due := row.Integer(5)
	if at.out {
		due = row.Integer(6)
	}
	return spot{at.out, row.Integer(3), due, row.Integer(7)}
}

func (b Browse) start() (spot, error) {
	if err := b.State.validate(); err != nil {
		return spot{}, err
	}
	if b.Cursor == "" {
		return b.State.first(), nil
	}
	key, err := kv.DecodeCursor(b.Cursor, b.binding())
	if err != nil {
		return spot{}, err
	}
	return spotFrom(key)
}

// binding is what a cursor belongs to.
func (b Browse) binding() []byte {
	return []byte("queue messages/" + b.Queue + "/" + string(b.State))
}

// cursor is the spot as a cursor. Its numbers are exact: a double holds them.
func (at spot) cursor(b Browse) string {
	key, err := kv.NewKey(at.out, at.priority, at.due, at.row)
	if err != nil {
		return "" // no time and no rowid is beyond 2^53
	}
	return kv.EncodeCursor(key, b.binding())
}

func spotFrom(key kv.Key) (spot, error) {
	var at spot
	parts, err := key.Parts()
	if err != nil || len(parts) != 4 {
		return at, fmt.Errorf("%w: it is damaged", kv.ErrInvalidCursor)
	}
	at.out, _ = parts[0].(bool)
	for i, n := range []*int64{&at.priority, &at.due, &at.row} {
		f, _ := parts[i+1].(float64)
		*n = int64(f)
	}
	return at, nil
}

// A walk finds, as rows of found(place, id), the messages of queue ?1 in a state
// behind a spot (?2 priority, ?3 due, ?4 rowid), at most ?5, none enqueued after ?6.
//
// What waits is read level by level along the index keyval_queue_due, as a take
// reads it; what is being processed along keyval_queue_locked.
const processingSQL = `WITH found(place,id) AS (
SELECT row_number() OVER (ORDER BY o.locked_until,o.id),o.id FROM (
 SELECT q.rowid AS id,q.locked_until FROM keyval_sequence s CROSS JOIN kv_queue q INDEXED BY keyval_queue_locked
 WHERE q.locked_until>=?3 AND q.queue=?1 AND (q.locked_until>?3 OR q.rowid>?4) AND ?2 IS NOT NULL
 AND ` + outSQL + ` AND q.created_at<=?6
 ORDER BY q.locked_until,q.rowid LIMIT ?5) o)`

// waitingSQL is the walk along what waits and meets a condition.
func waitingSQL(condition string) string {
	return levelsOf(`SELECT ?1`) + `,
found(place,id) AS (
SELECT row_number() OVER (ORDER BY l.priority DESC,r.key),r.value
FROM level l CROSS JOIN json_each((SELECT json_group_array(d.id) FROM (
 SELECT q.rowid AS id ` + ofLevelSQL + `
 AND ` + dueAtSQL + `>=CASE WHEN l.priority=?2 THEN ?3 ELSE 0 END
 AND (l.priority<>?2 OR ` + dueAtSQL + `>?3 OR q.rowid>?4)
 AND ` + condition + ` AND q.created_at<=?6 ` + byDueSQL + ` LIMIT ?5) d)) r
WHERE l.priority<=?2 ORDER BY l.priority DESC,r.key LIMIT ?5)`
}

// walkSQL are the walks by state; "" is what waits, ready or not.
var walkSQL = map[State]string{
	"":         waitingSQL(waitsSQL),
	Ready:      waitingSQL(dueSQL),
	Delayed:    waitingSQL(laterSQL + ` AND ` + waitsSQL),
	Processing: processingSQL,
}

// The statements by walk. A page stops itself before its answer grows too large; its
// rows tell how many there would be without that.
var browseSQL, purgeableSQL = followedBy(`
SELECT q.id,q.value,q.attempts,q.priority,q.created_at,` + dueAtSQL + `,q.locked_until,q.rowid,p.n,q.ready_at FROM (
SELECT f.place,f.id,count(*) OVER () AS n,sum(q.size) OVER (ORDER BY f.place)-q.size AS before
FROM found f CROSS JOIN kv_queue q WHERE q.rowid=f.id) p CROSS JOIN kv_queue q
WHERE q.rowid=p.id AND p.before<?7 ORDER BY p.place`), followedBy(`
SELECT q.id,NULL,NULL,q.priority,NULL,` + dueAtSQL + `,q.locked_until,q.rowid,q.size
FROM found f CROSS JOIN kv_queue q WHERE q.rowid=f.id ORDER BY f.place`)

// followedBy are the walks with what is to be selected of their messages.
func followedBy(selection string) map[State]string {
	all := map[State]string{}
	for state, walk := range walkSQL {
		all[state] = walk + selection
	}
	return all
}

const (
	purgeTimeSQL = `SELECT ` + sqldb.NowSQL + ` FROM keyval_sequence s`

	isReadySQL = `SELECT ` + dueSQL + `,q.queue FROM kv_queue q WHERE q.id=?`
)
