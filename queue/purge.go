package queue

import (
	"context"

	"github.com/buntime/keyval/internal/sqldb"
)

const (
	// purgeBatch is how many messages or dead letters one transaction removes.
	purgeBatch = 1000
	// purgeBytes is after how many bytes of values it removes no more: to free a large
	// value, SQLite reads all of it.
	purgeBytes = 16 << 20
)

// PurgeMessages removes the messages of a queue that are there when it begins, up to
// 1,000 in a transaction: those in a state, or with "" all that wait. What is being
// processed goes only with Processing: then its receipts hold nothing any more. It
// leaves no dead letters, and a dedupe id still counts. On an error the count says how
// far it came.
func (q *Queue) PurgeMessages(ctx context.Context, name string, state State) (deleted int, err error) {
	if name == "" {
		name = DefaultName
	}
	if err := ValidateName(name); err != nil {
		return 0, err
	}
	if err := state.validate(); err != nil {
		return 0, err
	}
	begin, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: purgeTimeSQL})
	if err != nil {
		return 0, failure(err)
	}
	for at := state.first(); ; {
		rows, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: purgeableSQL[state],
			Args: []any{name, at.priority, at.due, at.row, int64(purgeBatch), begin[0].Integer(0)}})
		if err != nil || len(rows) == 0 {
			return deleted, failure(err)
		}
		batch := untilLarge(rows, 8)
		n, err := q.purge(ctx, nil, idsOf(batch), state)
		deleted += n
		if err != nil || len(batch) == len(rows) && len(rows) < purgeBatch {
			return deleted, err
		}
		at = at.spotOf(batch[len(batch)-1])
	}
}

// untilLarge are the first of what is to be purged, by the bytes of their values in a
// column.
func untilLarge(rows []sqldb.Row, column int) []sqldb.Row {
	bytes := int64(0)
	for i, row := range rows {
		if bytes >= purgeBytes {
			return rows[:i]
		}
		bytes += row.Integer(column)
	}
	return rows
}

func idsOf(rows []sqldb.Row) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.Text(0)
	}
	return ids
}

// PurgeMessage removes one message, if it is in the state, and tells whether it has.
// One that is being processed goes only with Processing; "" is one that waits.
func (q *Queue) PurgeMessage(ctx context.Context, queues Names, id string, state State) (deleted bool, err error) {
	if err := state.validate(); err != nil || !isID(id) {
		return false, err
	}
	if state == Ready || state == Delayed {
		rows, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: isReadySQL, Args: []any{id}})
		if err != nil || len(rows) == 0 || !queues.Holds(rows[0].Text(1)) || (rows[0].Integer(0) == 1) != (state == Ready) {
			return false, failure(err)
		}
	}
	n, err := q.purge(ctx, queues, []string{id}, state)
	return n > 0, err
}

// purge removes those of the messages that are being processed, or those that are
// not, and counts them. That some have become ready since they were looked up makes
// no difference; that they were taken does.
func (q *Queue) purge(ctx context.Context, queues Names, ids []string, state State) (int, error) {
	refs := make([]sqldb.Ref, len(ids))
	for i, id := range ids {
		refs[i] = messages.Ref(id)
	}
	var gone []delivery
	_, err := q.db.Do(ctx, &sqldb.Op{
		Name:     "queue_purge",
		Reads:    refs,
		Bytes:    smallBytes * len(ids),
		Relieves: true,
		Apply: func(tx *sqldb.Tx) error {
			gone = gone[:0]
			for _, id := range ids {
				r := find(tx, queues, id)
				if r == nil || r.out() != (state == Processing) {
					continue
				}
				messages.Delete(tx, id)
				gone = append(gone, delivery{r.queue, id, r.receipt})
			}
			return nil
		},
	})
	if err != nil {
		return 0, failure(err)
	}
	q.purged(gone)
	return len(gone), nil
}

// purged frees the places that listeners had for messages that are gone. Nobody else
// need know.
func (q *Queue) purged(gone []delivery) {
	var elsewhere []string
	for _, g := range gone {
		if q.finishedElsewhere(g) {
			elsewhere = []string{g.queue} // all are of one queue
		}
	}
	if len(gone) > 0 {
		q.metrics.count(q.metrics.purged, gone[0].queue, len(gone))
	}
	if elsewhere != nil {
		q.announce(elsewhere)
	}
}

const (
	deadLetterIDsOfAllSQL   = `SELECT d.id,d.failed_at,d.size FROM kv_dlq d WHERE ?1 IS NOT NULL AND d.failed_at<=?2 ORDER BY d.failed_at LIMIT ?3`
	deadLetterIDsOfQueueSQL = `SELECT d.id,d.failed_at,d.size FROM kv_dlq d WHERE d.queue=?1 AND d.failed_at<=?2 ORDER BY d.failed_at LIMIT ?3`
	newestDeadLetterSQL     = `SELECT max(failed_at) FROM kv_dlq`
)

// PurgeDeadLetters removes the dead letters of a queue, of all queues if name is "", that
// are there when it begins, up to 1,000 in a transaction. On an error the count says
// how far it came.
func (q *Queue) PurgeDeadLetters(ctx context.Context, name string) (deleted int, err error) {
	sql := deadLetterIDsOfAllSQL
	if name != "" {
		if err := ValidateName(name); err != nil {
			return 0, err
		}
		sql = deadLetterIDsOfQueueSQL
	}
	newest, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: newestDeadLetterSQL})
	if err != nil {
		return 0, failure(err)
	}
	for {
		rows, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: sql, Args: []any{name, newest[0].Integer(0), int64(purgeBatch)}})
		if err != nil || len(rows) == 0 {
			return deleted, failure(err)
		}
		batch := untilLarge(rows, 2)
		n, err := q.deleteDeadLetters(ctx, nil, idsOf(batch))
		deleted += n
		if err != nil || len(batch) == len(rows) && len(rows) < purgeBatch {
			return deleted, err
		}
	}
}
