package queue

import (
	"github.com/buntime/keyval/internal/sqldb"
)

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
	recordFetchSQL = `SELECT j.key,q.queue,q.attempts,q.max_attempts,q.receipt,` + lockedSQL + `,
q.backoff_schedule,q.keys_if_undelivered IS NOT NULL,q.size,q.locked_until-` + sqldb.NowSQL + `
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN kv_queue q WHERE q.id=j.value`

	// A row is [id, attempts, receipt, locked]; attempts are -1 if there is no such
	// message, NULL if they are not known, which a receipt makes up for. What else
	// an operation goes by never changes in a row's life.
	recordGuardSQL = sqldb.StaleSQL + `FROM keyval_sequence s CROSS JOIN json_each(?) j
LEFT JOIN kv_queue q ON q.id=j.value->>0
WHERE coalesce(q.attempts,-1)<>j.value->>1 OR coalesce(q.receipt,'')<>j.value->>2 OR coalesce(` + lockedThenSQL + `,0)<>j.value->>3 LIMIT 1`

	// A row is [id, value, size, queue, priority, delay, maxAttempts, backoff, keys, trace].
	recordInsertSQL = `INSERT INTO kv_queue(id,value,size,queue,priority,ready_at,max_attempts,backoff_schedule,keys_if_undelivered,trace,created_at,updated_at)
SELECT j.value->>0,CAST(coalesce(?2,j.value->>1) AS BLOB),j.value->>2,j.value->>3,j.value->>4,s.time+(j.value->>5),j.value->>6,j.value->>7,j.value->>8,j.value->>9,s.time,s.time
FROM keyval_sequence s CROSS JOIN json_each(?1) j`

	// A row is [id, attempts, at its lock's end, pause, lock, error]. (No CROSS JOIN
	// here: it would make SQLite scan the table that is updated, which stands first.)
	recordMoveSQL = `UPDATE kv_queue SET attempts=j.value->>1,
ready_at=CASE WHEN j.value->>2 THEN ` + dueAtSQL + ` ELSE coalesce(s.time+(j.value->>3),ready_at) END,
locked_until=s.time+(j.value->>4),status=CASE WHEN j.value->>4 IS NULL THEN 'pending' ELSE 'processing' END,
receipt=CASE WHEN j.value->>4 IS NOT NULL THEN receipt END,last_error=coalesce(j.value->>5,last_error),updated_at=s.time
FROM keyval_sequence s,json_each(?) j WHERE kv_queue.id=j.value->>0`

	// A row is [id, dead letter's id, error].
	recordDeadLetterSQL = `INSERT INTO kv_dlq(id,original_id,value,error_message,attempts,failed_at,original_created_at,queue,priority,size,max_attempts,backoff_schedule,keys_if_undelivered,trace)
SELECT j.value->>1,q.id,q.value,j.value->>2,q.attempts,s.time,q.created_at,q.queue,q.priority,q.size,q.max_attempts,q.backoff_schedule,q.keys_if_undelivered,q.trace
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN kv_queue q WHERE q.id=j.value->>0`

	// A row is [id].
	recordDeleteSQL = `DELETE FROM kv_queue WHERE id IN (SELECT value->>0 FROM json_each(?))`
)

func scanRecord(row sqldb.Row) (record, error) {
	r := record{
		queue:       row.Text(0),
		attempts:    int(row.Integer(1)),
		maxAttempts: int(row.Integer(2)),
		receipt:     receipt(row.Text(3)),
		locked:      row.Integer(4) == 1,
		fallsBack:   row.Integer(6) == 1,
		size:        int(row.Integer(7)),
		lockLeft:    row.Integer(8),
	}
	var err error
	r.backoff, err = decodeBackoff(row.Text(5))
	return r, err
}

func guardRecords(reads []sqldb.Held[record]) sqldb.Stmt {
	rows := sqldb.NewRows(recordGuardSQL)
	for _, r := range reads {
		if r.Row == nil {
			rows.Add(r.Key, -1, "", 0)
			continue
		}
		var attempts any
		if r.Row.attemptsKnown() {
			attempts = r.Row.attempts
		}
		rows.Add(r.Key, attempts, string(r.Row.receipt), flag(r.Row.locked))
	}
	return rows.Array()
}

// expectHeld is a message whose delivery, by this receipt, is believed to hold it:
// all that an ack has to know. nil if the receipt is none.
func expectHeld(id string, by receipt) *sqldb.Expectation {
	name := by.queue()
	if name == "" {
		return nil
	}
	return messages.Expect(id, record{queue: name, receipt: by, locked: true})
}

// attemptsKnown is false for a message that is only believed to be held: it has no
// attempts, although its delivery is one.
func (r *record) attemptsKnown() bool { return r.attempts > 0 || r.receipt == "" }

// recordWrites are a group's changes, in one statement for each kind.
type recordWrites struct{ inserts, moves, deadLetters, deletions *sqldb.Rows }

func writeRecords(changes []sqldb.Change[record]) []sqldb.Stmt {
	w := recordWrites{
		inserts:     sqldb.NewRows(recordInsertSQL),
		moves:       sqldb.NewRows(recordMoveSQL),
		deadLetters: sqldb.NewRows(recordDeadLetterSQL),
		deletions:   sqldb.NewRows(recordDeleteSQL),
	}
	for _, c := range changes {
		if c.Row == nil {
			w.deletions.Add(c.Key)
		} else {
			c.Row.becomes.write(c.Key, c.Row, w)
		}
	}
	stmts := append(w.inserts.Stmts(), w.moves.Arrays()...)
	stmts = append(stmts, w.deadLetters.Arrays()...) // a dead letter is copied before its message is deleted
	return append(stmts, w.deletions.Arrays()...)
}

func (e added) write(id string, _ *record, w recordWrites) {
	w.inserts.Add(id, sqldb.Text(e.Value), len(e.Value), e.Queue, e.Priority, e.Delay, e.MaxAttempts, encodeBackoff(e.Backoff), encodeKeys(e.KeysIfUndelivered), e.trace.encode())
}

func (m *moved) write(id string, r *record, w recordWrites) {
	var pause, lock, reason any
	if m.ready == afterPause {
		pause = m.pause
	}
	if m.lock != 0 {
		lock = m.lock
	}
	if m.reason != "" {
		reason = m.reason
	}
	w.moves.Add(id, r.attempts, flag(m.ready == atLockEnd), pause, lock, reason)
}

func (d *deadLettered) write(id string, _ *record, w recordWrites) {
	w.deadLetters.Add(id, d.id, d.reason)
	w.deletions.Add(id)
}

// flag is a condition as a cell.
func flag(holds bool) int {
	if holds {
		return 1
	}
	return 0
}
