package sqldb

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A committer commits operations in groups, one group at a time. Operations
// that come while a group is in flight wait, and are the next group; nothing
// waits for company.
type committer struct {
	db  *DB
	log *slog.Logger

	maxPending, maxBytes int
	maxOps               int // of a group

	mu      sync.Mutex // covers what follows
	pending []*waiting
	bytes   int
	refusal error         // what is answered to all that is not sent yet, nil for none
	wake    chan struct{} // has room for one
	// awaited is how many operations gather waits for, 0 if it does not;
	// gathered, which has room for one, tells it that they are there.
	awaited  int
	gathered chan struct{}

	health health

	observers observers
	tickets   ticketSecret
	quit      chan struct{}   // closed by close
	life      context.Context // ends when close waits no longer
	stop      context.CancelFunc
	done      chan struct{}

	// What follows belongs to the committing goroutine.
	session   *session
	boot      string // names this node's row in keyval_nodes
	lastGroup int64
	// unclosed is the error of the group after lastGroup, if its number is still to be
	// closed: see closeUnclosed.
	unclosed error
	newest   Position
	pacer    pacer
	texts    map[string]string // of statements within the transaction
	noted    time.Time         // when the time was noted last: see notesTime
	heavy    bool              // the last group had heavy operations
	// doubtUntil is until when nothing is believed that could be read.
	doubtUntil time.Time

	checkpoints checkpoints
}

// The states of a waiting operation.
const (
	queued  int32 = iota
	sent          // its group may have reached the database
	dropped       // its caller has gone before it was sent
)

// waiting is an operation with the caller that waits for it.
type waiting struct {
	op    *Op
	ctx   context.Context
	bytes int
	state atomic.Int32
	found [][]Row // by op.Locked, in the attempt under way
	// returns counts how often it was put back; then it is a group of its own.
	returns int
	// back is poked when it is known not to have happened. Under the committer's
	// mutex; nil while its caller has time.
	back chan struct{}
	// gone: its caller was told that the outcome is unknown. Under the same mutex.
	gone   bool
	done   chan struct{}
	commit Commit
	err    error
}

func (w *waiting) finish(commit Commit, err error) {
	w.commit, w.err = commit, err
	close(w.done)
}

func newCommitter(db *DB, cfg Config) *committer {
	return &committer{
		db:         db,
		log:        cfg.Logger,
		maxPending: cfg.MaxPending,
		maxBytes:   cfg.MaxPendingBytes,
		maxOps:     groupBound(cfg),
		wake:       make(chan struct{}, 1),
		gathered:   make(chan struct{}, 1),
		quit:       make(chan struct{}),
		done:       make(chan struct{}),
		session:    db.writer.session(),
		texts:      map[string]string{},

		checkpoints: checkpoints{due: make(chan struct{}, 1)},
	}
}

// groupBound is how many operations a group may have.
func groupBound(cfg Config) int {
	if cfg.NoGrouping {
		return 1
	}
	return maxGroupOps
}

func (c *committer) start() {
	c.life, c.stop = context.WithCancel(context.Background())
	go func() {
		defer close(c.done)
		c.loop(c.life)
	}()
}

// closeGrace is how long close waits for the group in flight: enough for one
// lost answer to be found out.
const closeGrace = 2 * roundTripTime

// close refuses what has not been sent and waits for the group in flight. If
// the database does not answer for so long, the group's callers are told that
// the outcome is unknown.
func (c *committer) close() {
	c.refuseUnsent(ErrUnavailable)
	close(c.quit)
	select {
	case <-c.done:
	case <-time.After(closeGrace):
	}
	c.stop()
	<-c.done
	c.session.drop()
}

// refuseUnsent answers all that waits, and whatever else comes, with err from now on; nil
// ends that.
func (c *committer) refuseUnsent(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.refusal, ErrUnavailable) {
		return // it is closed
	}
	if c.refusal = err; err == nil {
		return
	}
	c.refusePendingLocked(err)
}

// refusePending answers all that waits with err.
func (c *committer) refusePending(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusePendingLocked(err)
}

func (c *committer) refusePendingLocked(err error) {
	for _, w := range c.pending {
		w.finish(Commit{Op: -1}, err)
	}
	c.pending, c.bytes = nil, 0
}

// Do commits one operation and returns its place in commit order. The commit
// is also returned with an error of Apply, with Op -1: Apply may have seen
// operations of the same transaction.
//
// Errors are those of Apply, ErrOverloaded, ErrUnavailable, ErrStorageFull,
// ErrTooLarge, ErrFenced, ErrCommitUnknown, or ctx's when its time is up before
// the operation was sent; then nothing was written.
func (db *DB) Do(ctx context.Context, op *Op) (Commit, error) {
	start := time.Now()
	ctx, span := db.beginCommit(ctx, op)
	commit, err := db.do(ctx, op)
	for heavier := heavierError(0); errors.As(err, &heavier); {
		op.Again = int(heavier)
		commit, err = db.do(ctx, op)
	}
	took := time.Since(start)
	db.metrics.operation(op.Name, err, took, span)
	db.slow.operation(ctx, op.Name, took)
	endCommit(span, commit, err)
	return commit, err
}

// do has an operation wait for its group, once.
func (db *DB) do(ctx context.Context, op *Op) (Commit, error) {
	w := &waiting{op: op, ctx: ctx, bytes: op.size(), done: make(chan struct{})}
	if err := db.admit(w); err != nil {
		return Commit{Op: -1}, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if err := db.committer.leave(w); err != nil {
			return Commit{Op: -1}, err
		}
	}
	return w.commit, w.err
}

// outcomeTime is how long a caller whose time is up stays for the outcome of what
// has been sent.
const outcomeTime = 2 * time.Second

// leave is for a caller whose time is up. It returns nil if the operation has been
// answered meanwhile.
func (c *committer) leave(w *waiting) error {
	if w.state.CompareAndSwap(queued, dropped) {
		return w.ctx.Err()
	}
	c.mu.Lock()
	w.back = make(chan struct{}, 1)
	c.mu.Unlock()
	over := time.NewTimer(outcomeTime)
	defer over.Stop()
	for !w.state.CompareAndSwap(queued, dropped) {
		select {
		case <-w.done:
			return nil
		case <-w.back:
		case <-over.C:
			c.mu.Lock()
			w.gone = true
			c.mu.Unlock()
			if w.state.CompareAndSwap(queued, dropped) {
				return w.ctx.Err()
			}
			return ErrCommitUnknown
		}
	}
	return w.ctx.Err()
}

// retract notes that nothing of what has no answer is under way: it has not happened,
// or was put off. Its callers may leave again.
func (c *committer) retract(group []*waiting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range unfinished(group) {
		if w.gone {
			w.state.CompareAndSwap(sent, dropped) // or it would happen behind its caller's back
		} else if w.state.CompareAndSwap(sent, queued) && w.back != nil {
			poke(w.back)
		}
	}
}

// putBack lets an operation that does not get on wait behind all others, until its
// caller's time is up.
func (c *committer) putBack(w *waiting, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.returns++; c.refusal != nil || w.returns > maxTries {
		w.finish(Commit{Op: -1}, unavailable(err))
		return
	}
	c.pending = append(c.pending, w)
	c.bytes += w.bytes
	poke(c.wake)
}

func (c *committer) admit(w *waiting) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit, bytes := c.maxPending, c.maxBytes
	if w.op.Relieves {
		limit, bytes = 2*limit, 2*bytes
	}
	switch {
	case c.refusal != nil:
		return c.refusal
	case c.db.primary.damage.known():
		return ErrCorrupt
	case c.db.writer.liveness.isSilent():
		return ErrSilent
	case c.health.condition() == unreachable && len(c.pending) > 0:
		// One waits, so that the committer keeps asking.
		return ErrUnavailable
	case len(c.pending) >= limit, c.bytes+w.bytes > bytes && len(c.pending) > 0:
		return ErrOverloaded
	}
	c.pending = append(c.pending, w)
	c.bytes += w.bytes
	c.db.metrics.pending.Set(float64(len(c.pending)))
	poke(c.wake)
	if c.awaited > 0 && len(c.pending) >= c.awaited {
		poke(c.gathered)
	}
	return nil
}

// poke leaves a signal for a goroutine, unless there is one already.
func poke(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

func (c *committer) loop(ctx context.Context) {
	for {
		select {
		case <-c.quit:
			return
		case <-c.wake:
		case <-c.probing():
		}
		c.probe(ctx)
		for {
			c.waitOutBreak(ctx)
			c.gather(ctx)
			group := c.take()
			if len(group) == 0 {
				break
			}
			c.health.splitUntil = time.Time{}
			c.commitAll(ctx, group)
		}
	}
}

// waitOutBreak waits until the pacer lets the next transaction begin.
func (c *committer) waitOutBreak(ctx context.Context) {
	wait := time.Until(c.pacer.due)
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.quit:
	case <-ctx.Done():
	}
}

// pendingNow is how many operations have come since the group under way was made.
func (c *committer) pendingNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending)
}

// gather waits a moment for the clients that the last group has answered, unless each
// would have a transaction of its own anyway.
func (c *committer) gather(ctx context.Context) {
	wait := time.Until(c.pacer.patience)
	if wait <= 0 || c.pacer.company == 0 || c.maxOps == 1 || c.await(c.pacer.company) {
		return
	}
	defer c.await(0)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.gathered:
	case <-c.quit:
	case <-ctx.Done():
	}
}

// await has admit signal when so many operations are pending, 0 for never. It tells
// whether they are there already; then there is no signal.
func (c *committer) await(operations int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.gathered: // of an earlier wait
	default:
	}
	c.awaited = operations
	if len(c.pending) >= operations {
		c.awaited = 0
	}
	return c.awaited == 0
}

// take returns the operations of the next group, in arrival order. Between two groups
// with heavy operations, the light ones that wait have one to themselves: so they wait
// for one such group, and never for two.
func (c *committer) take() []*waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	var group []*waiting
	if c.heavy {
		group = c.takeThose((*waiting).light)
	}
	if len(group) == 0 {
		group = c.takeThose(func(*waiting) bool { return true })
	}
	c.heavy = slices.ContainsFunc(group, func(w *waiting) bool { return !w.light() })
	c.db.metrics.pending.Set(float64(len(c.pending)))
	return group
}

// takeThose returns those that may be in the next group. One that does not fit is passed
// over by those after it; it comes once it is the oldest. Those that read under the lock
// stand together; one that was put back is a group of its own.
func (c *committer) takeThose(may func(*waiting) bool) []*waiting {
	var group, rest []*waiting
	var load load
	for _, w := range c.pending {
		switch {
		case w.state.Load() == dropped:
			c.bytes -= w.bytes
		case may(w) && (len(group) == 0 || len(group) < c.maxOps && w.joins(group[0]) && load.takes(w)):
			group = append(group, w)
			load.add(w)
			c.bytes -= w.bytes
		default:
			rest = append(rest, w)
		}
	}
	c.pending = rest
	return group
}

// joins tells whether an operation may be in a group that begins with another one.
func (w *waiting) joins(first *waiting) bool {
	return w.returns+first.returns == 0 && (w.op.Locked == nil) == (first.op.Locked == nil)
}

func refuse(group []*waiting, err error) {
	for _, w := range unfinished(group) {
		w.finish(Commit{Op: -1}, err)
	}
}
