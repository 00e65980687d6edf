package sqldb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// A condition is what keeps the primary from taking writes.
type condition int32

const (
	healthy condition = iota
	// unreachable: writes are refused at once instead of waiting for their deadline.
	unreachable
	// full: every write is tried, since a small one may find room.
	full
	// unwritable: the database may only be read. Every write is tried.
	unwritable
	// moved: the file is not where it was opened. Every write looks again.
	moved
)

// probePause is how often a database that takes no writes is tried, so that the
// condition ends although nobody writes.
const probePause = 250 * time.Millisecond

// health is the committer's condition. Others may look at it.
type health struct {
	is atomic.Int32 // a condition
	// What follows belongs to the committing goroutine.
	needed    int64 // bytes that were refused for lack of room
	refusedAt time.Time
	probeAt   time.Time
	// splitUntil is until when a group that finds no room is split; zero before.
	splitUntil time.Time
}

func (h *health) condition() condition { return condition(h.is.Load()) }

// ails notes what keeps the primary from taking writes, and says so once.
func (c *committer) ails(with condition, err error) {
	if with == full {
		c.health.refusedAt = time.Now()
	}
	if condition(c.health.is.Swap(int32(with))) == with {
		return
	}
	c.health.probeAt = time.Now().Add(probePause)
	switch with {
	case unreachable:
		c.log.Error("the primary cannot be reached; writes are refused until it can", "error", err)
	case full:
		c.log.Error("the disk of the database is full; what finds no room on it is refused until there is some", "error", err)
	case unwritable:
		c.log.Error("the database may only be read; writes are refused until it may be written", "error", err)
	case moved:
		c.log.Error("the file of the database was moved or replaced; writes are refused until it is back", "file", c.db.file)
	}
}

// suffers notes what a group's ErrUnavailable is a sign of.
func (c *committer) suffers(err error) {
	switch {
	case errors.Is(err, ErrRestored):
	case errors.Is(err, ErrSilent): // its liveness knows
	case verdictOf(err) == corrupt:
		c.db.primary.isCorrupt(err)
	case errors.Is(err, ErrCorrupt): // known already
	case errors.Is(err, ErrReadOnly):
		c.ails(unwritable, err)
	case errors.Is(err, ErrMoved):
		c.ails(moved, err)
	default:
		c.ails(unreachable, err)
	}
}

// works notes that the primary has answered and, if it has written, that it takes
// writes: but while its disk is full, only once there is room for what was refused.
func (c *committer) works(written bool) {
	was := c.health.condition()
	switch {
	case was == healthy, was != unreachable && !written, was == full && !c.hasRoom():
		return
	}
	c.health.is.Store(int32(healthy))
	c.health.needed = 0
	if was == unreachable {
		c.log.Info("the primary can be reached again")
	} else {
		c.log.Info("the database takes writes again")
	}
}

const (
	// roomBeside is for what a write adds to its own bytes.
	roomBeside = 64 << 10
	// refusedTime is for how long a disk that cannot be looked at is held for full:
	// small writes find room while large ones do not.
	refusedTime = 10 * time.Second
)

// hasRoom tells whether what was refused may find room now: it is written to the log
// and, later, to the database.
func (c *committer) hasRoom() bool {
	if c.db.file != "" {
		if room, ok := freeBytes(c.db.file); ok {
			return room >= 2*c.health.needed+roomBeside
		}
	}
	return time.Since(c.health.refusedAt) >= refusedTime
}

// lacksRoom tells whether an error is for want of room. Some file systems find that out
// only when a file is written to the disk: then it is an I/O error like any other.
func (c *committer) lacksRoom(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == codes.SQLITE_IOERR {
		room, known := freeBytes(c.db.file)
		return known && room < roomBeside
	}
	return verdictOf(err) == noRoom
}

// findsNoRoom answers operations that the disk has no room for.
func (c *committer) findsNoRoom(group []*waiting, err error) {
	for _, w := range group {
		c.health.needed = max(c.health.needed, int64(w.bytes))
	}
	c.ails(full, err)
	refuse(group, err)
}

// splitTime bounds how long the callers of a group that finds no room wait while it is
// found out which of them do.
const splitTime = 250 * time.Millisecond

// smallestFirst orders a group that finds no room, and tells whether to split it.
func (c *committer) smallestFirst(group []*waiting) bool {
	if c.health.splitUntil.IsZero() {
		c.health.splitUntil = time.Now().Add(splitTime)
	}
	if len(group) == 1 || time.Now().After(c.health.splitUntil) {
		return false
	}
	slices.SortStableFunc(group, func(a, b *waiting) int { return cmp.Compare(a.bytes, b.bytes) })
	return true
}

// lightOnes is how many of operations, the smallest first, are lighter than they are on
// average: those are the ones that may find room. If all are the same, it is half.
func lightOnes(group []*waiting) int {
	sum := 0
	for _, w := range group {
		sum += w.bytes
	}
	if n := slices.IndexFunc(group, func(w *waiting) bool { return w.bytes*len(group) > sum }); n > 0 {
		return n
	}
	return len(group) / 2
}

// probing is when the database is to be tried next; nil while that is not called for.
func (c *committer) probing() <-chan time.Time {
	switch with := c.health.condition(); {
	case with == healthy, with == unreachable && !c.db.writer.embedded:
		return nil
	}
	return time.After(time.Until(c.health.probeAt))
}

// probe tries to commit nothing, when it is time to.
func (c *committer) probe(ctx context.Context) {
	if c.probing() == nil || time.Now().Before(c.health.probeAt) {
		return
	}
	c.health.probeAt = time.Now().Add(probePause)
	if c.health.condition() == full && !c.hasRoom() {
		return
	}
	c.commitAll(ctx, []*waiting{{op: &Op{Name: "probe"}, ctx: ctx, done: make(chan struct{})}})
}

// errNoWrites is for strangers, who are not told of files.
var errNoWrites error = &unavailableError{"the database takes no writes; the log of the node says why"}

// Writable tells what keeps an embedded database from taking writes, nil if nothing
// does. A server that takes none still serves reads, as one that is down does from
// its replica; that is no reason to send requests elsewhere.
func (db *DB) Writable(context.Context) error {
	if !db.info.Embedded {
		return nil
	}
	switch db.health.condition() {
	case unreachable:
		return errNoWrites
	case full:
		return ErrStorageFull
	case unwritable:
		return ErrReadOnly
	case moved:
		return ErrMoved
	}
	return nil
}

// A damage is what is known of a database whose file was found corrupt. While it is known,
// nothing is read or written: what a damaged file does not show may be there all the same.
type damage struct {
	// lasting: nobody can mend it while it is open, as with an embedded one.
	lasting bool
	until   atomic.Int64 // Unix nanoseconds
}

// damageTime is for how long a server is held for corrupt after a statement has met the
// damage. It may be mended behind our back, and a replica may show a page that is only
// half there.
const damageTime = 10 * time.Second

// found notes that the database is corrupt and tells whether that is news.
func (d *damage) found() bool {
	was := d.known()
	d.until.Store(time.Now().Add(damageTime).UnixNano())
	return !was
}

func (d *damage) known() bool {
	until := d.until.Load()
	return until != 0 && (d.lasting || time.Now().UnixNano() < until)
}
