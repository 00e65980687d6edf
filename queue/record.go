package queue

import (
	"github.com/buntime/keyval/internal/sqldb"
)

// A record is a row of kv_queue as operations see it: as it was read, with what
// an operation of the group makes of it.
type record struct {
	queue                 string
	attempts, maxAttempts int
	receipt               string // "" if no delivery is running
	locked                bool   // the delivery's lock has not ended
	lockLeft              int64  // ms that the lock had left when it was read; a hint
	createdAt             int64
	backoff               []int64 // nil: the default
	fallsBack             bool    // it has fallback keys
	size                  int     // of the value, in bytes

	// At most one of these is set by an operation.
	added *Enqueue // the row is new
	death *death   // the row becomes a dead letter
	moved bool     // the row's place in the queue changes, as follows

	readyIn  *int64 // ms from the commit; nil: it keeps its place
	lockIn   *int64 // ms from the commit; nil: no lock and no receipt
	failedBy string // why an attempt failed; "" leaves the last error
}

// death is what a message's last failure makes of it.
type death struct {
	id     string // of the dead letter
	reason string
}

// messages is the table of messages by id.
var messages = &sqldb.Table[record]{
	Name: "kv_queue",
	Fetch: func(ids []string) sqldb.Stmt {
		return sqldb.Stmt{SQL: recordFetchSQL, Args: []any{sqldb.TextKeys(ids)}}
	},
	Scan:  scanRecord,
	Guard: guardRecords,
	Write: writeRecords,
}

const (
	recordFetchSQL = `SELECT j.key,q.queue,q.attempts,q.max_attempts,q.receipt,q.locked_until>` + sqldb.NowSQL + `,
q.created_at,q.backoff_schedule,q.keys_if_undelivered IS NOT NULL,q.size,q.locked_until-` + sqldb.NowSQL + `
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN kv_queue q WHERE q.id=j.value`

	// A row is [id, attempts, receipt, locked]; attempts are -1 if there is no such
	// message, NULL if they are not known, which a receipt makes up for. What else
	// an operation goes by never changes in a row's life.
	recordGuardSQL = sqldb.StaleSQL + `FROM keyval_sequence s CROSS JOIN json_each(?) j
LEFT JOIN kv_queue q ON q.id=j.value->>0
WHERE coalesce(q.attempts,-1)<>j.value->>1 OR coalesce(q.receipt,'')<>j.value->>2 OR coalesce(q.locked_until>s.time,0)<>j.value->>3 LIMIT 1`

	// A row is [id, value, size, queue, priority, delay, maxAttempts, backoff, keys].
	recordInsertSQL = `INSERT INTO kv_queue(id,value,size,queue,priority,ready_at,max_attempts,backoff_schedule,keys_if_undelivered,created_at,updated_at)
SELECT j.value->>0,CAST(coalesce(?2,j.value->>1) AS BLOB),j.value->>2,j.value->>3,j.value->>4,s.time+(j.value->>5),j.value->>6,j.value->>7,j.value->>8,s.time,s.time
FROM keyval_sequence s CROSS JOIN json_each(?1) j`

	// A row is [id, attempts, readyIn, lockIn, error]. What has failed and has no
	// readyIn is ready from its lock's end on. (No CROSS JOIN here: it would
	// make SQLite scan the table that is updated, which stands first.)
	recordMoveSQL = `UPDATE kv_queue SET attempts=j.value->>1,
ready_at=coalesce(s.time+(j.value->>2),CASE WHEN j.value->>4 IS NOT NULL THEN locked_until END,ready_at),
locked_until=s.time+(j.value->>3),status=CASE WHEN j.value->>3 IS NULL THEN 'pending' ELSE 'processing' END,
receipt=CASE WHEN j.value->>3 IS NOT NULL THEN receipt END,last_error=coalesce(j.value->>4,last_error),updated_at=s.time
FROM keyval_sequence s,json_each(?) j WHERE kv_queue.id=j.value->>0`

	// A row is [id, dead letter's id, error].
	recordBurySQL = `INSERT INTO kv_dlq(id,original_id,value,error_message,attempts,failed_at,original_created_at,queue,priority,size,max_attempts,backoff_schedule,keys_if_undelivered)
SELECT j.value->>1,q.id,q.value,j.value->>2,q.attempts,s.time,q.created_at,q.queue,q.priority,q.size,q.max_attempts,q.backoff_schedule,q.keys_if_undelivered
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN kv_queue q WHERE q.id=j.value->>0`

	// A row is [id].
	recordDeleteSQL = `DELETE FROM kv_queue WHERE id IN (SELECT value->>0 FROM json_each(?))`
)

func scanRecord(row sqldb.Row) (record, error) {
	r := record{
		queue:       row.Text(0),
		attempts:    int(row.Integer(1)),
		maxAttempts: int(row.Integer(2)),
		receipt:     row.Text(3),
		locked:      row.Integer(4) == 1,
		createdAt:   row.Integer(5),
		fallsBack:   row.Integer(7) == 1,
		size:        int(row.Integer(8)),
		lockLeft:    row.Integer(9),
	}
	var err error
	r.backoff, err = decodeBackoff(row.Text(6))
	return r, err
}

func guardRecords(reads []sqldb.Held[record]) sqldb.Stmt {
	rows := sqldb.NewRows(recordGuardSQL)
	for _, r := range reads {
		if r.Row == nil {
			rows.Add(r.Key, -1, "", 0)
			continue
		}
		var attempts any = r.Row.attempts
		if r.Row.attempts == 0 && r.Row.receipt != "" {
			attempts = nil
		}
		locked := 0
		if r.Row.locked {
			locked = 1
		}
		rows.Add(r.Key, attempts, r.Row.receipt, locked)
	}
	return rows.Array()
}

// writeRecords carries out a group's changes, one statement for each kind. A
// dead letter is copied before its message is deleted.
func writeRecords(changes []sqldb.Change[record]) []sqldb.Stmt {
	inserts, moves := sqldb.NewRows(recordInsertSQL), sqldb.NewRows(recordMoveSQL)
	burials, deletions := sqldb.NewRows(recordBurySQL), sqldb.NewRows(recordDeleteSQL)
	var inserted, moved, buried, deleted bool
	for _, c := range changes {
		switch {
		case c.Row == nil:
			deletions.Add(c.Key)
			deleted = true
		case c.Row.added != nil:
			e := c.Row.added
			inserts.Add(c.Key, sqldb.Text(e.Value), len(e.Value), e.Queue, e.Priority, e.Delay, e.MaxAttempts, encodeBackoff(e.Backoff), encodeKeys(e.KeysIfUndelivered))
			inserted = true
		case c.Row.death != nil:
			burials.Add(c.Key, c.Row.death.id, c.Row.death.reason)
			deletions.Add(c.Key)
			buried, deleted = true, true
		case c.Row.moved:
			moves.Add(c.Key, c.Row.attempts, millis(c.Row.readyIn), millis(c.Row.lockIn), nonEmpty(c.Row.failedBy))
			moved = true
		}
	}
	var stmts []sqldb.Stmt
	if inserted {
		stmts = inserts.Stmts()
	}
	for _, w := range []struct {
		any  bool
		rows *sqldb.Rows
	}{{moved, moves}, {buried, burials}, {deleted, deletions}} {
		if w.any {
			stmts = append(stmts, w.rows.Arrays()...)
		}
	}
	return stmts
}

func millis(ms *int64) any {
	if ms == nil {
		return nil
	}
	return *ms
}

func nonEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// expectHeld is a message whose delivery, by this receipt, is believed to hold it:
// all that an ack has to know. nil if the receipt is none.
func expectHeld(id, receipt string) *sqldb.Expectation {
	name := queueOf(receipt)
	if name == "" {
		return nil
	}
	return messages.Expect(id, record{queue: name, receipt: receipt, locked: true})
}

// out tells whether the message is being processed: locked, or its last lock has
// ended and it waits to be buried.
func (r *record) out() bool {
	return r.locked || r.receipt != "" && r.attempts >= r.maxAttempts
}

// find is the message as the operations before this one have left it; nil if
// there is none any more.
func find(tx *sqldb.Tx, id string) *record {
	r := messages.Get(tx, id)
	if r == nil || r.death != nil {
		return nil
	}
	return r
}
