package queue

import (
	"context"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A deadLetterRow is a row of kv_dlq as operations see it. The row, which never changes:
//
//	id                   01a20729-8f10-7b02-8d55-0c9f6e1a2b34
//	original_id          01a20729-5d3e-7c41-9f0a-6b1de0c52a77  the message's
//	value                {"job":1}                             as a blob
//	error_message        lock expired                          of its last attempt
//	attempts             5
//	failed_at            1795703999120
//	original_created_at  1795703735498
//
// and, as the message had them, for a requeue: queue, priority, size, max_attempts,
// backoff_schedule, keys_if_undelivered and trace.
//
// (A dead letter is dlq only in the names that others rely on: of the table and its
// indexes, the routes, and the member of the counts.)
type deadLetterRow struct {
	queue string
	size  int // of the value, in bytes
	// newID is that of the message that the dead letter becomes again; "" if
	// it does not.
	newID string
}

// deadLetters is the table of dead letters by id.
var deadLetters = &sqldb.Table[deadLetterRow]{
	Name: "kv_dlq",
	Fetch: func(ids []string) sqldb.Stmt {
		return sqldb.Stmt{SQL: deadLetterFetchSQL, Args: []any{sqldb.TextKeys(ids)}}
	},
	Scan: func(row sqldb.Row) (deadLetterRow, error) {
		return deadLetterRow{queue: row.Text(0), size: int(row.Integer(1))}, nil
	},
	Guard: func(reads []sqldb.Held[deadLetterRow]) sqldb.Stmt {
		rows := sqldb.NewRows(deadLetterGuardSQL)
		for _, r := range reads {
			rows.Add(r.Key, flag(r.Row != nil))
		}
		return rows.Array()
	},
	Write: writeDeadLetters,
}

const (
	deadLetterFetchSQL = `SELECT j.key,d.queue,d.size FROM json_each(?) j CROSS JOIN kv_dlq d WHERE d.id=j.value`

	// A dead letter does not change, and its id never comes back.
	deadLetterGuardSQL = sqldb.StaleSQL + `FROM json_each(?) j LEFT JOIN kv_dlq d ON d.id=j.value->>0
WHERE (d.id IS NOT NULL)<>j.value->>1 LIMIT 1`

	// A row is [id, new id].
	deadLetterRequeueSQL = `INSERT INTO kv_queue(id,value,size,queue,priority,ready_at,max_attempts,backoff_schedule,keys_if_undelivered,trace,created_at,updated_at,last_error)
SELECT j.value->>1,d.value,d.size,d.queue,d.priority,s.time,d.max_attempts,d.backoff_schedule,d.keys_if_undelivered,d.trace,s.time,s.time,d.error_message
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN kv_dlq d WHERE d.id=j.value->>0`

	// A row is [id].
	deadLetterDeleteSQL = `DELETE FROM kv_dlq WHERE id IN (SELECT value->>0 FROM json_each(?))`
)

func writeDeadLetters(changes []sqldb.Change[deadLetterRow]) []sqldb.Stmt {
	requeues, deletions := sqldb.NewRows(deadLetterRequeueSQL), sqldb.NewRows(deadLetterDeleteSQL)
	for _, c := range changes {
		if c.Row != nil {
			requeues.Add(c.Key, c.Row.newID)
		}
		deletions.Add(c.Key)
	}
	return append(requeues.Arrays(), deletions.Arrays()...)
}

var errNoDeadLetter = fmt.Errorf("%w: no dead letter has this id", kv.ErrNotFound)

// findDeadLetter is the dead letter as the operations before this one have left it; nil
// if there is none any more, or none in these queues.
func findDeadLetter(tx *sqldb.Tx, queues Names, id string) *deadLetterRow {
	g := deadLetters.Get(tx, id)
	if g == nil || g.newID != "" || !queues.Holds(g.queue) {
		return nil
	}
	return g
}

// Requeue makes a dead letter a message again, with no attempts and its options
// as they were, and returns the message's id. Dead letter and message change in
// one transaction. An unknown id is kv.ErrNotFound.
func (q *Queue) Requeue(ctx context.Context, queues Names, id string) (newMessageID string, err error) {
	if !isID(id) {
		return "", errNoDeadLetter
	}
	messageID, err := newID()
	if err != nil {
		return "", err
	}
	var name string
	_, err = q.db.Do(ctx, &sqldb.Op{
		Name:  "queue_requeue",
		Reads: []sqldb.Ref{deadLetters.Ref(id)},
		Bytes: smallBytes,
		Apply: func(tx *sqldb.Tx) error {
			g := findDeadLetter(tx, queues, id)
			if g == nil {
				return errNoDeadLetter
			}
			name = g.queue
			deadLetters.Put(tx, id, deadLetterRow{queue: g.queue, newID: messageID})
			return tx.Weigh(g.size) // the value moves
		},
	})
	if err != nil {
		return "", failure(err)
	}
	q.metrics.count(q.metrics.enqueued, name, 1)
	q.arrived(name, 0)
	return messageID, nil
}

// DeleteDeadLetter removes a dead letter. One that is not there is fine.
func (q *Queue) DeleteDeadLetter(ctx context.Context, queues Names, id string) error {
	if !isID(id) {
		return nil
	}
	_, err := q.deleteDeadLetters(ctx, queues, []string{id})
	return err
}

// deleteDeadLetters removes those that are there and counts them.
func (q *Queue) deleteDeadLetters(ctx context.Context, queues Names, ids []string) (int, error) {
	refs := make([]sqldb.Ref, len(ids))
	for i, id := range ids {
		refs[i] = deadLetters.Ref(id)
	}
	deleted := 0
	_, err := q.db.Do(ctx, &sqldb.Op{
		Name:  "queue_dead_letter_delete",
		Reads: refs,
		Bytes: smallBytes * len(ids),
		Apply: func(tx *sqldb.Tx) error {
			deleted = 0
			for _, id := range ids {
				if findDeadLetter(tx, queues, id) != nil {
					deadLetters.Delete(tx, id)
					deleted++
				}
			}
			return nil
		},
	})
	if err != nil {
		return 0, failure(err)
	}
	return deleted, nil
}
