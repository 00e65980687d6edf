package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
)

// Transaction reads and writes against one snapshot. With nothing but reads
// the result's versionstamp names the snapshot; a later transaction that
// gives it as Snapshot commits only if nothing it reads has changed since.
func (s *Store) Transaction(ctx context.Context, req TransactionRequest) (TransactionResult, error) {
	if err := checkReads(req.Reads); err != nil {
		return TransactionResult{}, err
	}
	t := &transaction{req: req, covered: coverageOf(req.Reads)}
	t.atomicOp = atomicOp{store: s, req: &t.req.AtomicRequest, look: t.look}
	if t.onlyReads() {
		return t.read(ctx)
	}
	return t.commit(ctx)
}

// checkReads refuses what a transaction does not read: a filter would be no part of what
// it covers.
func checkReads(reads []Read) error {
	for _, r := range reads {
		if r.List != nil && r.List.Where != nil {
			return fmt.Errorf("%w: the lists of a transaction take no filter", ErrInvalidArgument)
		}
	}
	return nil
}

type transaction struct {
	atomicOp
	req     TransactionRequest
	covered coverage
	answer  TransactionResult
	// pendingReads are the entries of the answer that an operation of the same group has
	// written: whose versionstamps and times are known once it has committed.
	pendingReads []pendingRead
	// ahead is what has been read before the lock was taken; nil for nothing. tries is how
	// often that was done.
	ahead *readAhead
	tries int
	// sizes, if there are any, are those of the reads when they were read ahead last: now
	// they are read within the group, however large they are.
	sizes []int64
	// found are the results of what was read under the lock: of what has changed, and of
	// the lists.
	found [][]sqldb.Row
	// lapsed: the conflict may be with what had expired before the snapshot.
	lapsed bool
}

type pendingRead struct {
	entry    *Entry
	op       int
	expireIn int64
}

func (t *transaction) onlyReads() bool {
	return len(t.req.Checks)+len(t.req.Mutations)+len(t.req.Parts) == 0 && len(t.req.Reads) > 0
}

// read answers a transaction that only reads. It writes nothing.
func (t *transaction) read(ctx context.Context) (TransactionResult, error) {
	if t.covered.lists == 0 && t.req.Snapshot == "" {
		return t.readTogether(ctx)
	}
	ahead, err := t.readSnapshot(ctx, newBudget)
	switch {
	case err != nil:
		return TransactionResult{}, Failure(err)
	case ahead.since.position < t.req.Min:
		return TransactionResult{}, Failure(sqldb.ErrFuture)
	case ahead.over != nil:
		return TransactionResult{}, ahead.over
	}
	t.answer.Conflicts, t.lapsed = ahead.changes.found, ahead.changes.lapsed
	t.answer.SnapshotTooOld = ahead.changes.tooOld
	if !ahead.changes.any() {
		t.answer.OK, t.answer.Versionstamp, t.answer.Reads = true, ahead.since.position, ahead.reads
		t.store.db.Answered(sqldb.Position(ahead.since.position))
	}
	t.noteLapse(ctx)
	return t.answer, nil
}

// readTogether answers reads of keys together with those of other callers.
func (t *transaction) readTogether(ctx context.Context) (TransactionResult, error) {
	keys := make([]Key, len(t.req.Reads))
	for i, r := range t.req.Reads {
		keys[i] = r.Key
	}
	found, position, err := t.store.Get(ctx, keys, ReadOptions{Consistency: Strong, Min: t.req.Min})
	if err != nil {
		return TransactionResult{}, err
	}
	t.answer.OK, t.answer.Versionstamp = true, position
	t.answer.Reads = make([][]Entry, len(found))
	for i := range found {
		t.answer.Reads[i] = found[i : i+1 : i+1]
	}
	return t.answer, nil
}

func (t *transaction) commit(ctx context.Context) (TransactionResult, error) {
	t.keepReads()
	result, err := t.try(ctx)
	for errors.Is(err, errReadAhead) {
		if err = t.prepare(ctx); err == nil {
			result, err = t.try(ctx)
		}
	}
	if err != nil {
		return TransactionResult{}, err
	}
	t.answer.AtomicResult = result
	if !result.OK || result.Replayed != nil {
		t.answer.Reads = nil
		t.noteLapse(ctx)
		return t.answer, nil
	}
	for _, p := range t.pendingReads {
		p.entry.Versionstamp = Versionstamp(t.committed.At(p.op))
		if p.expireIn != 0 {
			p.entry.ExpiresAt = t.committed.Time + p.expireIn
		}
	}
	return t.answer, nil
}

// noteLapse has a conflict with what may have expired before the snapshot happen only
// once: a snapshot that is read from now on is known to be newer than that. If it cannot,
// the conflict stands all the same.
func (t *transaction) noteLapse(ctx context.Context) {
	if t.lapsed && !t.answer.OK {
		_ = t.store.db.NoteTime(ctx)
	}
}

func (t *transaction) try(ctx context.Context) (AtomicResult, error) {
	if !t.fits() && t.req.Idempotency == nil {
		return AtomicResult{}, errReadAhead
	}
	op := &sqldb.Op{Locked: t.locked()}
	t.rows(op)
	result, err := t.do(ctx, op)
	if t.ahead == nil && errors.Is(err, ErrTooLarge) {
		err = errReadAhead // that may be why
	}
	return result, err
}

// keepReads has the answer that is kept tell what was read, too.
func (t *transaction) keepReads() {
	if t.req.Idempotency == nil {
		return
	}
	kept := *t.req.Idempotency
	kept.Answer = func(v Versionstamp, r AtomicResult) []byte {
		answer := t.answer
		answer.AtomicResult = r
		return t.req.Answer(v, answer)
	}
	t.req.Idempotency = &kept
}
