package queue

import (
	"context"
	"errors"

	"github.com/buntime/keyval/internal/sqldb"
)

// expiredSQL selects messages whose locks have ended, with what each writes that dies, as a
// dead letter and under its fallback keys, and with the fallbacks themselves. A batch stops
// before that grows large.
const expiredSQL = `SELECT e.id,e.load,CASE WHEN e.falls THEN q.value END,CASE WHEN e.falls THEN q.keys_if_undelivered END FROM (
SELECT x.id,x.load,x.falls AND x.load>0 AS falls,sum(x.load) OVER (ORDER BY x.locked_until,x.id)-x.load AS before FROM (
 SELECT q.id,q.locked_until,q.keys_if_undelivered IS NOT NULL AS falls,CASE WHEN ` + lastAttemptSQL + `
 THEN (1+coalesce(json_array_length(q.keys_if_undelivered),0))*q.size+coalesce(length(q.keys_if_undelivered),0) ELSE 0 END AS load
 FROM keyval_sequence s CROSS JOIN kv_queue q WHERE ` + lockEndedSQL + ` ORDER BY q.locked_until LIMIT 1000) x) e
CROSS JOIN kv_queue q WHERE q.id=e.id AND e.before<?`

// ReclaimLocks is leader's work: deliveries whose locks have ended count as failed
// attempts, so that their messages are ready again, or dead. It returns how many there
// were. Each transaction changes at most 1,000 and is conditional on the leader's epoch:
// sqldb.ErrFenced means that a newer leader has taken over. 0 is no epoch. With nothing
// to do it only reads.
func (q *Queue) ReclaimLocks(ctx context.Context, epoch int64) (n int, err error) {
	for {
		batch, err := q.reclaim(ctx, epoch)
		n += batch
		if err != nil || batch == 0 {
			return n, failure(err)
		}
	}
}

// reclaim reclaims one batch of messages.
func (q *Queue) reclaim(ctx context.Context, epoch int64) (int, error) {
	rows, err := q.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: expiredSQL, Args: []any{int64(takeBytes)}})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	c := &reclaim{}
	op := &sqldb.Op{Name: "queue_reclaim", Epoch: epoch, Relieves: true, Apply: c.apply}
	for _, row := range rows {
		e, err := scanEnded(row)
		if err != nil {
			return 0, err
		}
		c.found = append(c.found, e)
		op.Reads = append(op.Reads, messages.Ref(e.id))
		op.Bytes += smallBytes + e.fallback.size()
		op.Again += int(row.Integer(1))
	}
	if _, err := q.db.Do(ctx, op); err != nil {
		return 0, err
	}
	for _, e := range c.expired {
		q.metrics.expired(e.queue, e.dead)
		q.finished(e.delivery)
		if !e.dead {
			q.arrived(e.queue, e.dueIn)
		}
	}
	return len(c.expired), nil
}

// A reclaim is one batch of messages whose locks have ended.
type reclaim struct {
	found   []ended
	expired []expiry
}

// ended is a message whose lock had ended when it was looked for.
type ended struct {
	id, deadLetterID string
	fallback         *fallback // if it dies and has one
}

func scanEnded(row sqldb.Row) (e ended, err error) {
	e.id = row.Text(0)
	if e.fallback, err = scanFallback(row, 2); err != nil {
		return e, err
	}
	e.deadLetterID, err = newID()
	return e, err
}

// expiry is what became of one of them.
type expiry struct {
	delivery
	dead  bool
	dueIn int64 // ms
}

// apply fails the attempts of those that nobody has touched meanwhile.
func (c *reclaim) apply(tx *sqldb.Tx) error {
	c.expired = c.expired[:0]
	for _, e := range c.found {
		r := find(tx, nil, e.id)
		if r == nil || !r.lockEnded() {
			continue
		}
		failed := r.timedOut(e.deadLetterID)
		err := failed.stage(tx, e.id, e.fallback)
		if errors.Is(err, errNeedsFallback) {
			continue // its last lock has ended only since; the next batch has it
		}
		if err != nil {
			return err
		}
		c.expired = append(c.expired, expiry{delivery{r.queue, e.id, r.receipt}, failed.dead(), failed.dueIn()})
	}
	return nil
}
