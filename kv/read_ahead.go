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

const (
	// aheadTries is how often a transaction reads ahead. If what it covers changes that
	// often, it reads under the lock, so that it is done one day,
	aheadTries = 2
	// maxAgainBytes unless that is more than this. A server ends a transaction after 5 s
	// and reads large values slowly: what takes longer would hold up all writers, again
	// and again, and never be done. So it is read ahead until nothing has changed meanwhile
	// or the caller's time is up.
	maxAgainBytes = 4 << 20
)

// errReadAhead ends a commit whose reads take too long under the lock.
var errReadAhead = errors.New("the transaction reads more than it may under the lock")

// readAhead is what a transaction has read in a snapshot of its own.
type readAhead struct {
	tries    int
	stale    bool
	position Versionstamp
	reads    [][]Entry
	bytes    int64 // of reads
	over     error // instead of reads, if they are too large
}

// readAhead reads in a snapshot, which nobody waits for.
func (t *transaction) readAhead(ctx context.Context) error {
	ahead := &readAhead{tries: 1}
	if t.ahead != nil {
		ahead.tries += t.ahead.tries
		t.ahead.reads = nil // so that it is not held beside what is read now
	}
	var used *budget
	var err error
	ahead.position, ahead.reads, err = t.readSnapshot(ctx, func() *budget {
		used = t.budget()
		return used
	})
	switch {
	case errors.Is(err, ErrTooLarge):
		ahead.over, err = err, nil
	case err == nil:
		ahead.bytes = used.used
		err = t.reserve(ahead.reads)
	}
	t.ahead = ahead
	return failure(err)
}

func (t *transaction) reserve(reads [][]Entry) error {
	if t.req.Reserve == nil {
		return nil
	}
	return t.req.Reserve(reads)
}

// readNow answers the reads as they are under the lock, where there is not much to
// read or it has been read ahead; else it fails with errReadAhead.
func (t *transaction) readNow(ctx context.Context, q sqldb.Querier) ([][]Entry, error) {
	if t.ahead == nil {
		return readAll(ctx, q, t.req.Reads, &budget{most: t.store.maxLockedBytes, over: errReadAhead})
	}
	if t.ahead.over != nil {
		return nil, t.ahead.over
	}
	// It has been found already that nothing has changed after the request's snapshot.
	if t.req.Snapshot == "" && !t.ahead.stale {
		var err error
		if t.ahead.stale, err = t.outdated(ctx, q); err != nil {
			return nil, err
		}
	}
	switch {
	case !t.ahead.stale:
		return t.ahead.reads, nil
	case t.ahead.tries < aheadTries, t.ahead.bytes > t.store.maxAgainBytes:
		return nil, errReadAhead
	}
	return readAll(ctx, q, t.req.Reads, t.budget())
}

// outdated tells whether what has been read ahead may be another now.
func (t *transaction) outdated(ctx context.Context, q sqldb.Querier) (bool, error) {
	found, tooOld, err := t.changes(ctx, q, t.ahead.position)
	if errors.Is(err, errSnapshotNewer) {
		return true, nil // the database was restored meanwhile: no fault of the caller
	}
	return tooOld || len(found) > 0, err
}
