package sqldb

// OthersSQL counts the other nodes that write; its second argument is the boot.
const OthersSQL = othersSQL

const LargeReads = largeReads

// Pending is how many operations wait for a group.
func Pending(db *DB) int {
	db.committer.mu.Lock()
	defer db.committer.mu.Unlock()
	return len(db.committer.pending)
}

// NewStream makes the committer begin a new stream. It may be called only
// from Op.Apply and LockedRead.Found, which run on the committer's goroutine.
func NewStream(db *DB) { db.committer.session.drop() }

// Floor is the oldest position that a session read may show.
func Floor(db *DB) Position { return db.floor.load() }

// Waiting is how many reads wait to be merged.
func Waiting[V any](c *Coalescer[V]) int {
	return inAllLanes(c, func(l *lane[V]) int { return len(l.waiting) })
}

// WaitingKeys is how many keys wait to be merged.
func WaitingKeys[V any](c *Coalescer[V]) int {
	return inAllLanes(c, func(l *lane[V]) int { return l.keys })
}

func inAllLanes[V any](c *Coalescer[V], in func(*lane[V]) int) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lanes {
		l.mu.Lock()
		n += in(l)
		l.mu.Unlock()
	}
	return n
}

// Await is what a committer does before it waits for company.
func Await(db *DB, operations int) (gathered <-chan struct{}, complete bool) {
	complete = db.committer.await(operations)
	return db.committer.gathered, complete
}

// LeaveOpen leaves the number of the group before to be closed, as if nothing could be
// written when it failed. It may be called only from Op.Apply.
func LeaveOpen(db *DB, cause error) { db.committer.unclosed = cause }

// Hurry is what Close does once it has waited for long enough.
func Hurry(db *DB) { db.committer.stop() }
