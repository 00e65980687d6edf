package sqldb

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Freshness says how new a read's snapshot must be.
type Freshness struct {
	// Replica allows the replica.
	Replica bool
	// AnyAge takes the replica as it is. Otherwise its snapshot must contain
	// everything that this node has answered.
	AnyAge bool
	// Min is the oldest position that will do; "" for none.
	Min Position
}

// ErrFuture is returned to a read whose minimum is newer than the primary.
var ErrFuture = errors.New("the position is newer than the database")

// A Reader runs single statements on one database.
type Reader interface {
	// Query runs a statement that selects little.
	Query(ctx context.Context, st Stmt) ([]Row, error)
	// QueryLarge runs one that may select up to MaxAnswer bytes of values, or look
	// at many rows; it waits while too many of those are under way, so that they
	// leave connections for small ones.
	QueryLarge(ctx context.Context, st Stmt) ([]Row, error)
}

const (
	// replicaTimeout is how long the replica may take before the primary is
	// asked instead.
	replicaTimeout = 2 * time.Second
	// replicaProbe is how long it then has for the least question.
	replicaProbe = 2 * time.Second
	// replicaWait is about how far a replica is behind.
	replicaWait = 4 * time.Millisecond
	// behindTime is how long one that was further behind is left alone by
	// reads that it would fail again.
	behindTime = 50 * time.Millisecond
)

// Read runs f against the replica or the primary, as fresh demands. f returns
// the position of its snapshot and may be called again. A replica that is
// down, hangs or is behind is left alone for a while.
func (db *DB) Read(ctx context.Context, fresh Freshness, f func(context.Context, Reader) (Position, error)) error {
	if db.readReplica(ctx, fresh, f) {
		return nil
	}
	position, err := f(ctx, db.primary)
	if err != nil {
		return err
	}
	if position < fresh.Min {
		return ErrFuture
	}
	db.metrics.met("primary", position)
	db.Answered(position)
	return nil
}

// readReplica tells whether the replica has served the read.
func (db *DB) readReplica(ctx context.Context, fresh Freshness, f func(context.Context, Reader) (Position, error)) bool {
	if db.replica == nil || !fresh.Replica {
		return false
	}
	open := db.replica.breaker.open(fresh.AnyAge)
	db.metrics.circuit.Set(boolean(open))
	if open {
		return false
	}
	need := fresh.Min
	if !fresh.AnyAge {
		need = max(need, db.floor.load())
	}
	for try := range 2 {
		short, cancel := Within(ctx, replicaTimeout)
		position, err := f(short, db.replica)
		late := short.Err() != nil
		cancel()
		switch {
		case err != nil:
			// A caller that was in a hurry says nothing about the replica.
			if ctx.Err() == nil && errors.Is(err, ErrUnavailable) && (!late || !db.replicaLives(ctx)) && db.replica.breaker.fail() {
				db.log.Warn("the replica does not answer; the primary serves", "error", err)
			}
			return false
		case position >= need:
			if db.replica.breaker.succeed() {
				db.log.Info("the replica answers again")
			}
			db.metrics.lag.Set(0)
			db.metrics.met("replica", position)
			db.Answered(position)
			return true
		}
		db.metrics.lag.Set(float64(txnOf(need) - txnOf(position)))
		if try == 0 {
			select {
			case <-ctx.Done():
				return false
			case <-time.After(replicaWait):
			}
		}
	}
	db.metrics.stale.Inc()
	db.replica.breaker.fellBehind(behindTime)
	return false
}

// replicaLives tells whether the replica answers the least question. A read that takes
// long is no sign that it does not: it may be large, or have waited behind others. Only
// one asks at a time.
func (db *DB) replicaLives(ctx context.Context) bool {
	b := &db.replica.breaker
	if !b.asking.CompareAndSwap(false, true) {
		return true
	}
	defer b.asking.Store(false)
	ctx, cancel := Within(ctx, replicaProbe)
	defer cancel()
	return db.replica.ping(ctx) == nil
}

// Asked is how many statements that read this node has begun.
func (db *DB) Asked() int64 {
	n := db.primary.asked.Load()
	if db.replica != nil {
		n += db.replica.asked.Load()
	}
	return n
}

// Primary reads the primary; Replica reads the replica as it is, or the
// primary where there is none or it fails.
func (db *DB) Primary() Reader { return db.primary }

// Replica is the replica, or the primary where there is none or it is left
// alone at the moment.
func (db *DB) Replica() Reader {
	if db.replica == nil || db.replica.breaker.open(true) || db.replica.damage.known() {
		return db.primary
	}
	return db.replica
}

// Query implements Reader.
func (s *source) Query(ctx context.Context, st Stmt) ([]Row, error) { return s.query(ctx, st) }

// QueryLarge implements Reader.
func (s *source) QueryLarge(ctx context.Context, st Stmt) ([]Row, error) {
	if err := s.large.Acquire(ctx, 1); err != nil {
		return nil, ended(ctx)
	}
	defer s.large.Release(1)
	if st.Begun != nil {
		st.Begun()
	}
	return s.query(ctx, st)
}

// snapshotTries is how often a transaction that only reads is begun. A server may take
// it away: it has been restarted, its connection was cut, or the transaction has been
// idle for too long.
const snapshotTries = 3

// Snapshot runs f in one read transaction on the primary, which other writers
// do not wait for. f must be done within a few seconds, and may be run again.
func (db *DB) Snapshot(ctx context.Context, f func(Querier) error) error {
	if db.primary.damage.known() {
		return ErrCorrupt
	}
	if err := db.primary.large.Acquire(ctx, 1); err != nil {
		return ended(ctx)
	}
	defer db.primary.large.Release(1)
	for try := 1; ; try++ {
		err := db.snapshot(ctx, f)
		if err == nil || verdictOf(err) != repeatable && !cutOff(err) || try == snapshotTries {
			return err
		}
	}
}

// snapshot runs f in one transaction.
func (db *DB) snapshot(ctx context.Context, f func(Querier) error) error {
	e := db.writer
	if e.embedded {
		e = db.primary.engine
	}
	s := e.session()
	defer s.drop()
	defer s.rollback(ctx)
	return f(&snapshotQuerier{session: s, source: db.primary})
}

// A snapshotQuerier runs statements in a session's transaction, which the first ones
// begin.
type snapshotQuerier struct {
	session *session
	source  *source
	begun   bool
}

func (q *snapshotQuerier) Query(ctx context.Context, stmts ...Stmt) ([][]Row, error) {
	if q.begun {
		results, err := q.session.run(ctx, stmts...)
		return results, q.source.failed(ctx, err)
	}
	q.begun = true
	results, err := q.session.run(ctx, append([]Stmt{{SQL: "BEGIN"}}, stmts...)...)
	if err != nil {
		return nil, q.source.failed(ctx, err)
	}
	return results[1:], nil
}

// floor is the newest position in any answer of this node.
type floor struct{ p atomic.Pointer[Position] }

func (f *floor) load() Position {
	if p := f.p.Load(); p != nil {
		return *p
	}
	return ""
}

// Answered notes that an answer with this position is being sent: session
// reads of this node will not show anything older. Only answers count, not
// what is heard of other nodes: with writes going on there, every read would
// wait for the replica.
func (db *DB) Answered(p Position) {
	for {
		old := db.floor.p.Load()
		if old != nil && *old >= p || db.floor.p.CompareAndSwap(old, &p) {
			return
		}
	}
}

// LastAnswered is the newest position in any answer of this node, "" if there
// was none.
func (db *DB) LastAnswered() Position { return db.floor.load() }

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
