package queue

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/buntime/keyval/internal/sqldb"
)

// A Message is one delivery of a message.
type Message struct {
	ID string
	// Value is JSON text.
	Value []byte
	// Attempts counts the deliveries, this one included.
	Attempts int
	// Receipt names this delivery.
	Receipt string
	Queue   string
	// EnqueuedAt is in Unix milliseconds of the database's clock.
	EnqueuedAt int64
	// Trace is of the span that enqueued it.
	Trace Trace
}

const (
	// takeMost is how many messages one round takes, for all who wait.
	takeMost = 256
	// takeBytes is after how many bytes of values a round takes no more: with
	// the one that crosses it, an answer stays well below sqld's 10 MB.
	takeBytes = 1 << 20
	// demandBytes is about how long a demand is.
	demandBytes = 64
)

// A demand asks for the messages of a queue that rank from First on, in order of
// delivery, for places from Slot on.
type demand struct {
	queue    string
	first, n int
	lock     int64
	kind     byte
	slot     int
	taker    *taker
}

// takeSQL gives the first ready messages of each queue to those who ask for
// them. A message is due when it becomes ready or when its lock ends; one on its
// last attempt is not taken again. Each level's messages are read in the order of
// the index keyval_queue_due, as many as may be taken and no more, however many
// messages wait or are delayed.
//
// A demand is [queue, first, n, lock, kind, slot]. ?1 are the demands, ?2 how
// many messages at most, ?3 the operation, ?4 the bytes.
var takeSQL = levelsOf(`SELECT DISTINCT value->>0 FROM json_each(?1)`) + `,
ready(queue,place,id,size) AS (
SELECT l.queue,row_number() OVER (PARTITION BY l.queue ORDER BY l.priority DESC,r.key),q.rowid,q.size
FROM level l CROSS JOIN json_each((SELECT json_group_array(d.id) FROM (
 SELECT q.rowid AS id ` + ofLevelSQL + `
 AND ` + dueThenSQL + ` ` + byDueSQL + ` LIMIT ?2) d)) r
CROSS JOIN kv_queue q WHERE q.rowid=r.value),
taken AS (
SELECT r.id,j.value->>3 AS lock,j.value->>4 AS kind,(j.value->>5)+r.place-(j.value->>1) AS slot,
sum(r.size) OVER (ORDER BY (j.value->>5)+r.place)-r.size AS before
FROM json_each(?1) j JOIN ready r ON r.queue=j.value->>0 AND r.place>=j.value->>1 AND r.place<(j.value->>1)+(j.value->>2))
UPDATE kv_queue SET ` + takenSetSQL + `
FROM taken t CROSS JOIN keyval_sequence s WHERE kv_queue.rowid=t.id AND t.before<?4
RETURNING id,value,attempts,receipt,queue,created_at,trace`

// takenSQL finds what a round has taken if its answer was lost: by when its locks end, and by
// its receipts. ?3 are the locks that were asked for.
var takenSQL = `SELECT q.id,q.value,q.attempts,q.receipt,q.queue,q.created_at,q.trace
FROM keyval_nodes s CROSS JOIN json_each(?3) j CROSS JOIN kv_queue q
WHERE s.boot_id=?1 AND q.locked_until=s.time+j.value AND ` + takenBySQL("?2")

// take takes messages for what collect returns once the operation is in a group, in
// one statement however many ask, and returns them by place.
func (q *Queue) take(ctx context.Context, collect func() []demand) ([]Message, error) {
	var locks string
	commit, err := q.db.Do(ctx, &sqldb.Op{
		Name:  "queue_take",
		Bytes: takeMost * demandBytes,
		InSQL: &sqldb.InSQL{
			Exec: func(op int) []sqldb.Stmt {
				var args string
				var most int
				args, most, locks = encodeDemands(collect())
				return []sqldb.Stmt{{SQL: takeSQL, Args: []any{args, int64(most), int64(op), int64(takeBytes)}}}
			},
			Outcome: func(boot string, op int) sqldb.Stmt {
				return sqldb.Stmt{SQL: takenSQL, Args: []any{boot, int64(op), locks}}
			},
			Returning: true,
		},
	})
	if err != nil {
		return nil, failure(err)
	}
	taken := make([]Message, len(commit.Rows))
	for i, row := range commit.Rows {
		taken[i] = Message{
			ID:         row.Text(0),
			Value:      row.Bytes(1),
			Attempts:   int(row.Integer(2)),
			Receipt:    row.Text(3),
			Queue:      row.Text(4),
			EnqueuedAt: row.Integer(5),
			Trace:      Trace(row.Text(6)),
		}
	}
	slices.SortFunc(taken, func(a, b Message) int { return receipt(a.Receipt).slot() - receipt(b.Receipt).slot() })
	return taken, nil
}

// encodeDemands renders the demands, how many messages of one queue they ask for
// at most, and their locks.
func encodeDemands(demands []demand) (args string, most int, locks string) {
	merged := mergeDemands(demands)
	rows := make([][6]any, len(merged))
	seen := map[int64]bool{}
	distinct := []int64{}
	for i, d := range merged {
		rows[i] = [6]any{d.queue, d.first, d.n, d.lock, string(d.kind), d.slot}
		most = max(most, d.first+d.n-1)
		if !seen[d.lock] {
			seen[d.lock] = true
			distinct = append(distinct, d.lock)
		}
	}
	encodedRows, _ := json.Marshal(rows) // strings and integers always encode
	encodedLocks, _ := json.Marshal(distinct)
	return string(encodedRows), most, string(encodedLocks)
}

// mergeDemands makes one of those that ask for the same, one after the other.
func mergeDemands(demands []demand) (merged []demand) {
	for _, d := range demands {
		if n := len(merged); n > 0 && d.follows(merged[n-1]) {
			merged[n-1].n += d.n
			continue
		}
		merged = append(merged, d)
	}
	return merged
}

// follows tells whether a demand goes on where another ends, in ranks as in places.
func (d demand) follows(o demand) bool {
	return d.queue == o.queue && d.lock == o.lock && d.kind == o.kind && d.first == o.first+o.n && d.slot == o.slot+o.n
}
