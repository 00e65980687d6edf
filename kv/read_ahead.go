package kv

import (
	"context"
	"errors"

	"github.com/buntime/keyval/internal/sqldb"
)

const (
	// aheadTries is how often a transaction reads ahead. If what it covers changes that
	// often, it reads within its group, so that it is done one day,
	aheadTries = 2
	// maxAgainBytes unless that is more than this. A server ends a transaction after 5 s
	// and reads large values slowly: what takes longer would hold up all writers, again
	// and again, and never be done. So it is read ahead until nothing has changed meanwhile
	// or the caller's time is up.
	maxAgainBytes = 4 << 20
)

// errReadAhead ends a commit whose reads take too long under the lock.
var errReadAhead = errors.New("the transaction reads more than it may under the lock")

// readAhead is what a transaction has found in a snapshot of its own.
type readAhead struct {
	since since
	// changes are those since the request's snapshot. If there are any, nothing else has
	// been read.
	changes changes
	reads   [][]Entry
	bytes   int64 // of reads
	over    error // instead of reads, if they are too large
	stale   bool  // it has changed since
}

// decides tells whether there is nothing left to find out.
func (a *readAhead) decides() bool { return a != nil && (a.over != nil || a.changes.any()) }

// prepare gets a transaction ready for another try.
func (t *transaction) prepare(ctx context.Context) error {
	if a := t.ahead; a != nil && a.stale && t.tries >= aheadTries && a.bytes <= t.store.maxAgainBytes {
		t.ahead, t.sizes = nil, sizesOf(a.reads)
		return nil
	}
	return t.readAhead(ctx)
}

func sizesOf(reads [][]Entry) []int64 {
	sizes := make([]int64, len(reads))
	for i, entries := range reads {
		for _, e := range entries {
			sizes[i] += int64(len(e.Key) + len(e.Value))
		}
	}
	return sizes
}

// readAhead reads in a snapshot, which nobody waits for.
func (t *transaction) readAhead(ctx context.Context) error {
	t.tries++
	t.ahead, t.sizes = nil, nil // so that it is not held beside what is read now
	ahead, err := t.readSnapshot(ctx, t.budget)
	if err == nil && !ahead.decides() && t.req.Reserve != nil {
		err = t.req.Reserve(ahead.reads)
	}
	t.ahead = ahead
	return Failure(err)
}

// budget bounds what is read: what cannot be kept is refused before it is.
func (t *transaction) budget() *budget {
	b := newBudget()
	if t.req.Idempotency != nil {
		b.most, b.over = MaxKeptAnswerBytes, errAnswerNotKept()
	}
	return b
}

// readSnapshot answers the reads in a snapshot of its own, by one time, unless something
// has changed since the request's.
func (t *transaction) readSnapshot(ctx context.Context, budget func() *budget) (ahead *readAhead, err error) {
	err = t.store.db.Snapshot(ctx, func(q sqldb.Querier) error {
		ahead = &readAhead{}
		now, err := t.compareSnapshot(ctx, q, ahead)
		if err != nil || ahead.changes.any() {
			return err
		}
		b := budget()
		ahead.reads, err = readAll(ctx, q, t.req.Reads, now, b)
		ahead.bytes = b.used
		if errors.Is(err, ErrTooLarge) {
			ahead.over, err = err, nil
		}
		return err
	})
	return ahead, err
}

// compareSnapshot finds what has changed since the request's snapshot, and returns the
// time that this one is read by.
func (t *transaction) compareSnapshot(ctx context.Context, q sqldb.Querier, ahead *readAhead) (now int64, err error) {
	stmts := []sqldb.Stmt{{SQL: positionSQL}}
	if t.req.Snapshot != "" {
		stmts = append(stmts, t.covered.stmts(since{position: t.req.Snapshot})...)
	}
	results, err := q.Query(ctx, stmts...)
	if err != nil {
		return 0, err
	}
	position, now := scanPosition(results[0])
	ahead.since = since{position, now}
	if t.req.Snapshot == "" {
		return now, nil
	}
	if ahead.changes = scanChanges(results[1:]); ahead.changes.newer {
		return 0, errSnapshotNewer
	}
	return now, nil
}

// readAll answers the reads within a transaction.
func readAll(ctx context.Context, q sqldb.Querier, reads []Read, now int64, b *budget) ([][]Entry, error) {
	answers := make([][]Entry, len(reads))
	if err := readKeys(ctx, q, reads, answers, now, b); err != nil {
		return nil, err
	}
	for i, r := range reads {
		if r.List == nil {
			continue
		}
		page, err := listIn(ctx, q, *r.List, now, b)
		if err != nil {
			return nil, err
		}
		if page.More && len(page.Entries) < r.List.Limit {
			return nil, b.over
		}
		answers[i] = page.Entries
	}
	return answers, nil
}

// readKeys answers the reads of single keys, all at once.
func readKeys(ctx context.Context, q sqldb.Querier, reads []Read, answers [][]Entry, now int64, b *budget) error {
	var keys []Key
	for _, r := range reads {
		if r.List == nil {
			keys = append(keys, r.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := getIn(ctx, q, keys, now, b)
	if err != nil {
		return err
	}
	for i, r := range reads {
		if r.List == nil {
			answers[i], found = found[:1:1], found[1:]
		}
	}
	return nil
}
