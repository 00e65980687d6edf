package kv

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/buntime/keyval/internal/sqldb"
)

// Transaction reads and writes against one snapshot. With nothing but reads
// the result's versionstamp names the snapshot; a later transaction that
// gives it as Snapshot commits only if nothing it reads has changed since.
func (s *Store) Transaction(ctx context.Context, req TransactionRequest) (TransactionResult, error) {
	t := &transaction{req: req, ranges: coveredRanges(req.Reads)}
	t.atomicOp = atomicOp{store: s, req: &t.req.AtomicRequest}
	if t.onlyReads() {
		return t.read(ctx)
	}
	return t.commit(ctx)
}

type transaction struct {
	atomicOp
	req    TransactionRequest
	ranges []string
	answer TransactionResult
	// ahead is what a commit has read before it takes the lock; nil for nothing.
	ahead *readAhead
}

func (t *transaction) onlyReads() bool {
	return len(t.req.Checks)+len(t.req.Mutations)+len(t.req.Parts) == 0 && t.req.Snapshot == "" && len(t.req.Reads) > 0
}

// coveredRanges are the keys and whole ranges that reads cover.
func coveredRanges(reads []Read) []string {
	var keys []Key
	var ranges []Range
	for _, r := range reads {
		if r.List != nil {
			ranges = append(ranges, r.List.Range)
		} else {
			keys = append(keys, r.Key)
		}
	}
	return rangesJSON(keys, ranges)
}

// read answers a transaction that only reads.
func (t *transaction) read(ctx context.Context) (TransactionResult, error) {
	position, reads, err := t.readSnapshot(ctx, newBudget)
	if err != nil {
		return TransactionResult{}, failure(err)
	}
	t.answer.OK, t.answer.Versionstamp, t.answer.Reads = true, position, reads
	t.store.db.Answered(sqldb.Position(position))
	return t.answer, nil
}

// readSnapshot answers the reads in a snapshot of its own. Entries that have expired
// and still stand in what they cover are removed first: a commit on the snapshot can
// then tell that whatever it finds expired has expired afterwards.
func (t *transaction) readSnapshot(ctx context.Context, budget func() *budget) (position Versionstamp, reads [][]Entry, err error) {
	for {
		expired := false
		err := t.store.db.Snapshot(ctx, func(q sqldb.Querier) error {
			var err error
			if expired, err = t.expired(ctx, q); expired || err != nil {
				return err
			}
			if position, err = snapshotPosition(ctx, q); err != nil {
				return err
			}
			reads, err = readAll(ctx, q, t.req.Reads, budget())
			return err
		})
		if err != nil || !expired {
			return position, reads, err
		}
		if _, err := t.store.db.Do(ctx, sweepOp(0)); err != nil {
			return "", nil, err
		}
	}
}

func (t *transaction) commit(ctx context.Context) (TransactionResult, error) {
	t.keepReads()
	result, err := t.try(ctx)
	for errors.Is(err, errReadAhead) {
		if err = t.readAhead(ctx); err == nil {
			result, err = t.try(ctx)
		}
	}
	if err != nil {
		return TransactionResult{}, err
	}
	t.answer.AtomicResult = result
	if !result.OK || result.Replayed != nil {
		t.answer.Reads = nil
	}
	return t.answer, nil
}

func (t *transaction) try(ctx context.Context) (AtomicResult, error) {
	return t.do(ctx, &sqldb.Op{ReadLocked: t.readLocked, Guard: t.guard})
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

// readLocked reads under the write lock, so that nothing comes between the
// reads and the mutations.
func (t *transaction) readLocked(ctx context.Context, q sqldb.Querier) error {
	t.answer, t.found, t.tooOld, t.unread = TransactionResult{}, nil, false, nil
	if t.req.Snapshot != "" {
		var err error
		t.found, t.tooOld, err = t.changes(ctx, q, t.req.Snapshot)
		t.answer.SnapshotTooOld = t.tooOld
		if err != nil || t.tooOld || len(t.found) > 0 {
			return err
		}
	}
	var err error
	t.answer.Reads, err = t.readNow(ctx, q)
	if errors.Is(err, ErrTooLarge) || errors.Is(err, errReadAhead) {
		// A repetition is answered with what was read the first time.
		t.unread, err = err, nil
	}
	return err
}

// budget bounds what is read: what cannot be kept is refused before it is.
func (t *transaction) budget() *budget {
	b := newBudget()
	if t.req.Idempotency != nil {
		b.most, b.over = MaxKeptAnswerBytes, errAnswerNotKept()
	}
	return b
}

// guard fails if something that was read alive has expired by the transaction's
// time. All else is as it was read: the lock has been held since.
func (t *transaction) guard() []sqldb.Stmt {
	first := int64(math.MaxInt64)
	for _, entries := range t.answer.Reads {
		for i := range entries {
			if at := entries[i].ExpiresAt; at != 0 {
				first = min(first, at)
			}
		}
	}
	if first == math.MaxInt64 {
		return nil
	}
	return []sqldb.Stmt{{SQL: expiredSinceSQL, Args: []any{first}}}
}

var errSnapshotNewer = fmt.Errorf("%w: the snapshot is newer than the database: it is of another one, or from before a restore; read again", ErrInvalidArgument)

// changes finds what has changed or expired after a snapshot in what the transaction
// covers, unless the snapshot is too old for that.
func (t *transaction) changes(ctx context.Context, q sqldb.Querier, snapshot Versionstamp) (found []Check, tooOld bool, err error) {
	stmts := []sqldb.Stmt{{SQL: positionSQL}}
	for _, ranges := range t.ranges {
		stmts = append(stmts, sqldb.Stmt{SQL: conflictsSQL, Args: []any{ranges, string(snapshot)}})
	}
	results, err := q.Query(ctx, stmts...)
	if err != nil {
		return nil, false, err
	}
	position := results[0][0]
	switch {
	case string(snapshot) > position.Text(0):
		return nil, false, errSnapshotNewer
	case string(snapshot) < position.Text(1):
		return nil, true, nil
	}
	seen := map[Key]bool{}
	for _, rows := range results[1:] {
		for _, row := range rows {
			if key := Key(row.Bytes(0)); !seen[key] {
				seen[key] = true
				found = append(found, Check{Key: key, Versionstamp: Versionstamp(row.Text(1))})
			}
		}
	}
	return found, false, nil
}

// Conflicts are named up to a bound: a client needs to know that there are
// some, and where.
const (
	// An entry that has expired has done so after the snapshot: its transaction
	// has removed those that had before.
	conflictsSQL = rangesSQL + `
SELECT e.key,CASE WHEN ` + aliveSQL + ` THEN e.versionstamp ELSE '' END
FROM keyval_sequence s CROSS JOIN r CROSS JOIN kv_entries e
WHERE e.key>=r.start AND e.key<r.stop AND (e.versionstamp>?2 OR NOT ` + aliveSQL + `)
UNION ALL SELECT c.key,coalesce(e.versionstamp,'') FROM r CROSS JOIN keyval_changelog c LEFT JOIN kv_entries e ON e.key=c.key
WHERE c.op<>'s' AND c.key>=r.start AND c.key<r.stop AND c.versionstamp>?2 LIMIT 100`

	expiredSinceSQL = sqldb.StaleSQL + `FROM keyval_sequence s WHERE s.time>=?1`

	expiredSQL = rangesSQL + `
SELECT 1 FROM keyval_sequence s CROSS JOIN kv_entries e INDEXED BY idx_kv_expires CROSS JOIN r
WHERE e.expires_at<=` + sqldb.NowSQL + ` AND e.key>=r.start AND e.key<r.stop LIMIT 1`
)

// expired tells whether entries have expired and not been removed, in what the
// transaction covers.
func (t *transaction) expired(ctx context.Context, q sqldb.Querier) (bool, error) {
	for _, ranges := range t.ranges {
		results, err := q.Query(ctx, sqldb.Stmt{SQL: expiredSQL, Args: []any{ranges}})
		if err != nil || len(results[0]) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// readAll answers the reads within a transaction.
func readAll(ctx context.Context, q sqldb.Querier, reads []Read, b *budget) ([][]Entry, error) {
	answers := make([][]Entry, len(reads))
	if err := readKeys(ctx, q, reads, answers, b); err != nil {
		return nil, err
	}
	for i, r := range reads {
		if r.List == nil {
			continue
		}
		page, err := listIn(ctx, q, *r.List, b)
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
func readKeys(ctx context.Context, q sqldb.Querier, reads []Read, answers [][]Entry, b *budget) error {
	var keys []Key
	for _, r := range reads {
		if r.List == nil {
			keys = append(keys, r.Key)
		}
	}
	found, err := getIn(ctx, q, keys, b)
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
