package queue

// The statements whose plans a test looks at.
var (
	TakeSQL    = takeSQL
	TakenSQL   = takenSQL
	LookSQL    = lookSQL
	HeldSQL    = heldSQL
	StatsSQL   = statsSQL
	ExpiredSQL = expiredSQL
)

// IndexedSQL are what the statements and the index keyval_queue_due must say in the same words.
var IndexedSQL = []string{dueAtSQL, retriableSQL}

// RecordSQL are the statements on messages by id; each has one argument, an array.
var RecordSQL = map[string]string{
	"fetch": recordFetchSQL, "guard": recordGuardSQL, "move": recordMoveSQL, "dead letter": recordDeadLetterSQL, "delete": recordDeleteSQL,
}

// BrowseSQL and PurgeableSQL are those of a Browse and a purge, by state.
var BrowseSQL, PurgeableSQL = browseSQL, purgeableSQL

// BackoffStep is tested by a table.
var BackoffStep = backoffStep

// Waiting is how many takers wait in the line of a queue.
func (q *Queue) Waiting(name string) int {
	q.dispatcher.mu.Lock()
	defer q.dispatcher.mu.Unlock()
	if l := q.dispatcher.lines[name]; l != nil {
		return len(l.takers)
	}
	return 0
}

// Label is the metrics' name of a queue.
func (q *Queue) Label(name string) string { return q.metrics.label(name) }

// Quiet tells whether the line knows all that the database says: it is cold, and no look
// is due before something is.
func (q *Queue) Quiet(name string) bool {
	q.dispatcher.mu.Lock()
	defer q.dispatcher.mu.Unlock()
	l := q.dispatcher.lines[name]
	return l != nil && !l.hot && !l.due.IsZero()
}
