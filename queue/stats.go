package queue

import (
	"context"

	"github.com/buntime/keyval/internal/sqldb"
)

// Counts are how many messages there are, in one queue or in all.
type Counts struct {
	// Pending wait for delivery, Delayed ones included.
	Pending int64
	// Delayed are not ready yet.
	Delayed int64
	// Processing are locked by a delivery.
	Processing int64
	// Dead are dead letters.
	Dead int64
	// OldestReady is how long the message that has been ready for longest
	// has waited, in milliseconds; 0 if none is ready.
	OldestReady int64
}

// Total is Pending, Processing and Dead.
func (c Counts) Total() int64 { return c.Pending + c.Processing + c.Dead }

func (c *Counts) add(o Counts) {
	c.Pending += o.Pending
	c.Delayed += o.Delayed
	c.Processing += o.Processing
	c.Dead += o.Dead
	c.OldestReady = max(c.OldestReady, o.OldestReady)
}

// Stats are the counts of all queues that have messages or dead letters.
type Stats struct {
	Counts
	Queues map[string]Counts
}

// Of are the counts of some queues alone.
func (s Stats) Of(names Names) Stats {
	of := Stats{Queues: make(map[string]Counts, len(names))}
	for name, counts := range s.Queues {
		if names.Holds(name) {
			of.Queues[name] = counts
			of.add(counts)
		}
	}
	return of
}

// statsSQL reads all queues from one snapshot. The numbers of messages and of
// dead letters are kept by triggers, in a row for each queue that has any, in
// keyval_queues:
//
//	queue     default
//	messages  12       in kv_queue
//	dead      3        in kv_dlq
//
// What is out is read from its index, and
// what is due later is counted in the index of what is due, so that messages
// which are ready cost nothing, however many they are.
var statsSQL = levelsOf(`SELECT queue FROM keyval_queues`) + `
SELECT k.queue,k.messages,k.dead,coalesce(o.held,0),coalesce(o.retriable,0),coalesce(d.later,0),` + sqldb.NowSQL + `-d.first
FROM keyval_sequence s CROSS JOIN keyval_queues k
LEFT JOIN (SELECT q.queue,sum(` + outSQL + `) AS held,sum(` + lockedSQL + ` AND ` + retriableSQL + `) AS retriable
 FROM keyval_sequence s CROSS JOIN kv_queue q WHERE q.locked_until IS NOT NULL GROUP BY q.queue) o ON o.queue=k.queue
LEFT JOIN (SELECT l.queue,sum((SELECT count(*) ` + ofLevelSQL + `
  AND ` + laterSQL + `)) AS later,
 min(` + firstDueSQL + `) AS first
 FROM level l WHERE l.priority IS NOT NULL GROUP BY l.queue) d ON d.queue=k.queue`

// Stats counts the messages of all queues. Counting is exact, but with more than
// 50,000 messages delayed or out the answer may be older, by ten times as long as
// counting took.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	return q.sampler.get(ctx, q.readStats, 0)
}

func (q *Queue) readStats(ctx context.Context) (Stats, error) {
	rows, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: statsSQL})
	if err != nil {
		return Stats{}, failure(err)
	}
	stats := Stats{Queues: make(map[string]Counts, len(rows))}
	for _, row := range rows {
		held, retriable, later := row.Integer(3), row.Integer(4), row.Integer(5)
		c := Counts{
			Pending:     row.Integer(1) - held,
			Delayed:     later - retriable,
			Processing:  held,
			Dead:        row.Integer(2),
			OldestReady: max(row.Integer(6), 0),
		}
		stats.Queues[row.Text(0)] = c
		stats.add(c)
	}
	return stats, nil
}
