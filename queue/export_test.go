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

// BackoffStep is tested by a table.
var BackoffStep = backoffStep

// Label is the metrics' name of a queue.
func (q *Queue) Label(name string) string { return q.metrics.label(name) }
