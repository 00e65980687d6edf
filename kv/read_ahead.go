package kv

import (
	"context"
	"errors"

	"github.com/buntime/keyval/internal/sqldb"
)

// maxLockedBytes is from how many bytes on a transaction reads before it takes the
// write lock, for which every writer of the database waits. Under it, nothing but
// whether that has changed meanwhile is left to find out.
const maxLockedBytes = sqldb.MaxPiece

// aheadTries is how often a transaction reads ahead. If what it covers changes that
// often, it reads under the lock, so that it is done one day.
const aheadTries = 2

// errReadAhead ends a commit whose reads take too long under the lock.
var errReadAhead = errors.New("the transaction reads more than it may under the lock")

// readAhead is what a transaction has read in a snapshot of its own.
type readAhead struct {
	tries    int
	stale    bool
	position Versionstamp
	reads    [][]Entry
	over     error // instead of reads, if they are too large
}

// readAhead reads in a snapshot, which nobody waits for.
func (t *transaction) readAhead(ctx context.Context) error {
	ahead := &readAhead{tries: 1}
	if t.ahead != nil {
		ahead.tries += t.ahead.tries
	}
	var err error
	ahead.position, ahead.reads, err = t.readSnapshot(ctx, t.budget)
	if errors.Is(err, ErrTooLarge) {
		ahead.over, err = err, nil
	}
	t.ahead = ahead
	return err
}

// readNow answers the reads as they are under the lock, where there is not much to
// read or it has been read ahead; else it fails with errReadAhead.
func (t *transaction) readNow(ctx context.Context, q sqldb.Querier) ([][]Entry, error) {
	if t.ahead == nil {
		return readAll(ctx, q, t.req.Reads, &budget{t.store.maxLockedBytes, errReadAhead})
	}
	if t.ahead.over != nil {
		return nil, t.ahead.over
	}
	// It has been found already that nothing has changed after the request's snapshot.
	if t.req.Snapshot == "" && !t.ahead.stale {
		found, tooOld, err := t.changes(ctx, q, t.ahead.position)
		if err != nil {
			return nil, err
		}
		t.ahead.stale = tooOld || len(found) > 0
	}
	switch {
	case !t.ahead.stale:
		return t.ahead.reads, nil
	case t.ahead.tries < aheadTries:
		return nil, errReadAhead
	}
	return readAll(ctx, q, t.req.Reads, t.budget())
}
