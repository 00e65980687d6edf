package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/buntime/keyval/internal/spans"
)

// optimisticTries is how often a group is read outside the write lock before
// it is read inside it.
const optimisticTries = 2

// doubtTime is for how long all rows are read after a group that believed what its
// operations expect has failed. It bounds what a client that is always wrong costs.
const doubtTime = time.Second

// maxTries bounds the tries of a group that keeps meeting a busy database, and how
// often an operation is put back.
const maxTries = 10

const (
	// roundTripTime bounds one call to the primary while a group is under way. A
	// transaction of sqld lives for 5 s at most.
	roundTripTime = 6 * time.Second
	// slowTime is from when on an attempt that has failed was too slow: sqld gives
	// the lock of a transaction of that age to the next one.
	slowTime = 5 * time.Second
	// slowBytes are what a machine without time for us sends in a second.
	slowBytes = 1 << 20
	// probeTime is how long a database that works may take for the least question.
	probeTime = 3 * time.Second
)

var (
	// errRetry is returned by an attempt that must be made again on fresh rows.
	// Nothing of it has happened.
	errRetry = errors.New("another node was faster")
	// errTooSlow is errRetry after so long that the same would fail again.
	errTooSlow = fmt.Errorf("the transaction takes too long here: %w", errRetry)
)

// commitAll commits a group's operations, in as many transactions as it
// takes, and answers every one of them or puts it back.
func (c *committer) commitAll(ctx context.Context, group []*waiting) {
	for try := 0; len(group) > 0; try++ {
		a := &attempt{committer: c, group: group, try: try, locked: c.mustLock(group, try), credulous: try == 0 && time.Now().After(c.doubtUntil)}
		err := a.timed(ctx)
		if !errors.Is(err, ErrCommitUnknown) {
			c.retract(group)
		}
		switch {
		case err == nil:
			c.works(a.wrote)
			try = -1 // what is left was put off, not refused
		case errors.Is(err, errRetry):
			if a.believes() {
				c.doubtUntil = time.Now().Add(doubtTime)
			}
			c.db.metrics.retries.Inc()
			c.pacer.beginBreak()
			c.waitOutBreak(ctx)
			if try == maxTries || errors.Is(err, errTooSlow) {
				c.commitHalves(ctx, wanted(group), err)
				return
			}
		case errors.Is(err, ErrFenced):
			group = dropFenced(unfinished(group))
		case errors.Is(err, ErrCommitUnknown):
			refuse(group, err)
			return
		case errors.Is(err, ErrUnavailable):
			c.suffers(err)
			refuse(unfinished(group), err)
			return
		case errors.Is(err, ErrStorageFull) && (!a.closed || !c.smallestFirst(group)):
			c.findsNoRoom(group, err)
			return
		case len(group) == 1:
			c.blame(group[0].op, err)
			refuse(group, err)
			return
		default:
			// One of them is to blame, or what is smaller finds room: the halves
			// will tell.
			c.log.Debug("a group failed in the database and is split", "operations", len(group), "error", err)
			half := len(group) / 2
			if errors.Is(err, ErrStorageFull) {
				half = lightOnes(group)
			}
			c.commitAll(ctx, group[:half])
			group, try = group[half:], -1
		}
		group = wanted(group)
	}
}

// blame says why an operation fails by itself, unless that is its caller's doing.
func (c *committer) blame(op *Op, err error) {
	if !c.db.tellOfPanic(op.Name, err) && !errors.Is(err, ErrTooLarge) {
		c.log.Error("an operation failed in the database", "op", op.Name, "error", err)
	}
}

// commitHalves commits a group that does not get on in smaller ones, so that only the
// operation that holds it up pays for that. One by itself is put back.
func (c *committer) commitHalves(ctx context.Context, group []*waiting, err error) {
	switch n := len(group); {
	case n == 0:
	case n == 1:
		c.putBack(group[0], err)
	default:
		c.commitAll(ctx, group[:n/2])
		c.commitAll(ctx, group[n/2:])
	}
}

// mustLock tells whether a group reads inside the write lock: always on an
// embedded database, where the lock costs nothing.
func (c *committer) mustLock(group []*waiting, try int) bool {
	return c.db.writer.embedded || try >= optimisticTries || group[0].op.Locked != nil
}

func dropFenced(group []*waiting) []*waiting {
	rest := group[:0:0]
	for _, w := range group {
		if w.op.Epoch != 0 {
			w.finish(Commit{Op: -1}, ErrFenced)
			continue
		}
		rest = append(rest, w)
	}
	return rest
}

// wanted are those without an answer whose callers still wait.
func wanted(group []*waiting) []*waiting {
	rest := unfinished(group)
	return slices.DeleteFunc(rest, func(w *waiting) bool { return w.state.Load() == dropped })
}

func unfinished(group []*waiting) []*waiting {
	rest := group[:0:0]
	for _, w := range group {
		select {
		case <-w.done:
		default:
			rest = append(rest, w)
		}
	}
	return rest
}

// An attempt is one try to commit a group in one transaction.
type attempt struct {
	*committer
	group  []*waiting
	try    int // 0 at first
	locked bool
	// credulous: rows that an operation expects are not read.
	credulous bool

	tx       *Tx
	reads    map[table][]*cell
	tables   []table // in order of first use, so that statements are constant
	sequence Row     // that of a locked transaction: see opening
	applied  []applied
	apart    bool  // the tables were read one after the other
	together bool  // they are to be read in one snapshot
	others   int64 // other nodes that write at the time
	closed   bool  // the number of the group before is closed
	wrote    bool  // it has committed
	span     spans.Span
}

// applied is what became of an operation when it was applied.
type applied struct {
	w      *waiting
	number int // in the transaction; -1 if it failed
	err    error
}

// asks tells whether the operation wants to know what SQL has done of it.
func (o *applied) asks() bool {
	return o.number >= 0 && o.err == nil && o.w.op.InSQL != nil && o.w.op.InSQL.Outcome != nil
}

// timed runs the attempt and tells whether it has failed for want of time.
func (a *attempt) timed(ctx context.Context) error {
	ctx, a.span = a.trace(ctx)
	err := a.inTime(ctx)
	a.endTrace(a.span, err)
	return err
}

func (a *attempt) inTime(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.time())
	defer cancel()
	switch {
	case a.db.primary.damage.known():
		return ErrCorrupt
	case a.db.writer.place.isLeft():
		return ErrMoved
	}
	if err := a.closeUnclosed(); err != nil {
		return err
	}
	a.closed = true
	start := time.Now()
	err := a.run(ctx)
	if errors.Is(err, errRetry) && time.Since(start) >= slowTime {
		return errTooSlow
	}
	return err
}

// time bounds the attempt. An operation by itself gets more each time, while its
// caller waits: one cut off then has not happened, or it has.
func (a *attempt) time() time.Duration {
	bytes := 0
	for _, w := range a.group {
		bytes += w.written()
	}
	limit := roundTripTime + time.Second*time.Duration(bytes/slowBytes)
	if len(a.group) > 1 {
		return limit
	}
	w := a.group[0]
	limit *= time.Duration(1 + w.returns)
	if deadline, ok := w.ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return limit
}

func (a *attempt) run(ctx context.Context) error {
	start := time.Now()
	if err := a.read(ctx); err != nil {
		a.unlock(ctx)
		return a.readFailed(ctx, err)
	}
	ops := a.apply()
	if ops == 0 && a.apart {
		a.together, a.apart = true, false
		return a.run(ctx)
	}
	if ops == 0 {
		a.unlock(ctx)
		a.answer(Commit{}, nil)
		return nil
	}
	commit, results, err := a.commit(ctx, ops)
	if err != nil {
		return err
	}
	a.wrote = true
	a.checkpoints.wrote(a.group)
	if p := commit.At(ops - 1); p > a.newest {
		a.newest = p
	}
	took := time.Since(start)
	a.db.metrics.group(ops, took, a.span)
	a.db.slow.group(ctx, ops, took)
	a.pacer.committed(a.others, ops+a.pendingNow(), took)
	a.db.Answered(a.newest)
	a.db.metrics.met("primary", a.newest)
	a.answer(commit, results)
	a.observers.notify(ctx, a.newest)
	return nil
}

// unlock gives up the write lock, if the attempt has taken it.
func (a *attempt) unlock(ctx context.Context) {
	if a.locked {
		a.session.rollback(ctx)
	}
}

// readFailed says what a failed read means for the group: nothing has been
// sent that could commit.
func (a *attempt) readFailed(ctx context.Context, err error) error {
	switch reason := guardReason(err); {
	case isPanic(err):
		return err
	case reason == guardRestored:
		return ErrRestored
	case reason == guardGroup:
		return a.closeUnsent(err)
	case (ctx.Err() != nil || verdictOf(err) == outcomeUnknown) && a.answers():
		return errRetry
	}
	return undone(err)
}

// answers tells whether the database works, though not fast enough for this group, or
// over a new connection.
func (a *attempt) answers() bool {
	ctx, cancel := context.WithTimeout(a.life, probeTime)
	defer cancel()
	return positionOf(ctx, a.db.primary) != ""
}

// undone says what an error means for a group of which nothing has happened.
func undone(err error) error {
	if verdictOf(err) == repeatable {
		return errRetry
	}
	return failure(err)
}

// apply runs the operations in arrival order, those with a part in SQL
// last, and returns how many there are to commit. From here on a caller that
// leaves must be told that the outcome is unknown.
func (a *attempt) apply() int {
	a.applied = a.applied[:0]
	ops := 0
	for _, inSQL := range []bool{false, true} {
		for _, w := range a.group {
			if (w.op.InSQL != nil) == inSQL && w.send() && a.applyAs(ops, w) {
				ops++
			}
		}
	}
	return ops
}

// send notes that the operation is under way, unless its caller has gone.
func (w *waiting) send() bool {
	if w.state.Load() == sent || w.state.CompareAndSwap(queued, sent) {
		return true
	}
	w.finish(Commit{Op: -1}, w.ctx.Err())
	return false
}

// applyAs applies an operation under a number, and tells whether it takes that.
func (a *attempt) applyAs(number int, w *waiting) bool {
	a.tx.op, a.tx.again = number, w.op.Again
	a.tx.begin()
	err := w.apply(a.tx)
	switch {
	case errors.Is(err, ErrNextGroup):
		a.tx.rollback()
		return false
	case err != nil:
		a.tx.rollback()
		number = -1
	}
	a.applied = append(a.applied, applied{w, number, err})
	return err == nil
}

// apply has the operation look at what was read and stage its rows.
func (w *waiting) apply(tx *Tx) (err error) {
	defer contain(&err)
	if w.op.Locked != nil {
		w.op.Locked.Found(w.found)
	}
	if w.op.Apply == nil {
		return nil
	}
	return w.op.Apply(tx)
}

// answer tells every caller what became of its operation.
func (a *attempt) answer(commit Commit, results [][]Row) {
	for i := range a.applied {
		o := &a.applied[i]
		c := commit
		c.Op = o.number
		if o.asks() {
			c.Rows, results = results[0], results[1:]
		}
		a.db.tellOfPanic(o.w.op.Name, o.err)
		o.w.finish(c, o.err)
	}
}
