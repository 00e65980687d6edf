package queue

// What there is to deliver is read level by level: a level is a queue and a priority
// that have messages with attempts left.

// levelsOf begins a statement that has the levels of the queues that a selection wants
// as level(queue,priority), each found by one seek in the index keyval_queue_due. One
// row of each queue, its last, has no priority.
func levelsOf(wanted string) string {
	return `WITH RECURSIVE level(queue,priority) AS (
SELECT w.queue,(SELECT q.priority FROM kv_queue q WHERE q.queue=w.queue AND ` + retriableSQL + ` ORDER BY q.priority DESC LIMIT 1)
FROM wanted w UNION ALL
SELECT l.queue,(SELECT q.priority FROM kv_queue q WHERE q.queue=l.queue AND q.priority<l.priority AND ` + retriableSQL + ` ORDER BY q.priority DESC LIMIT 1)
FROM level l WHERE l.priority IS NOT NULL),
wanted(queue) AS (` + wanted + `)`
}

const (
	// ofLevelSQL selects from the messages of a level l; byDueSQL is their order of
	// delivery.
	ofLevelSQL = `FROM kv_queue q WHERE q.queue=l.queue AND q.priority=l.priority AND ` + retriableSQL
	byDueSQL   = `ORDER BY ` + dueAtSQL + `,q.rowid`

	// firstDueSQL is when the first of them is due.
	firstDueSQL = `(SELECT ` + dueAtSQL + ` ` + ofLevelSQL + ` ORDER BY ` + dueAtSQL + ` LIMIT 1)`
)
