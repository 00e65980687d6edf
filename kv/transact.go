package kv

import (
	"context"
	"fmt"

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
	ranges string
	readAt int64 // when it began to read, in the database's milliseconds
	answer TransactionResult
}

func (t *transaction) onlyReads() bool {
	return len(t.req.Checks)+len(t.req.Mutations)+len(t.req.Parts) == 0 && t.req.Snapshot == "" && len(t.req.Reads) > 0
}

// coveredRanges are the keys and whole ranges that reads cover.
func coveredRanges(reads []Read) string {
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

// read answers a transaction that only reads. Entries that have expired and
// still stand in what it covers are removed first: a commit on its snapshot
// can then tell that whatever it finds expired has expired afterwards.
func (t *transaction) read(ctx context.Context) (TransactionResult, error) {
	for {
		expired := false
		err := t.store.db.Snapshot(ctx, func(q sqldb.Querier) error {
			rows, err := t.expired(ctx, q)
			if expired = len(rows) > 0; expired || err != nil {
				return err
			}
			if t.answer.Versionstamp, err = snapshotPosition(ctx, q); err != nil {
				return err
			}
			t.answer.Reads, err = readAll(ctx, q, t.req.Reads)
			return err
		})
		if err != nil {
			return TransactionResult{}, failure(err)
		}
		if !expired {
			t.answer.OK = true
			t.store.db.Answered(sqldb.Position(t.answer.Versionstamp))
			return t.answer, nil
		}
		if _, err := t.store.db.Do(ctx, sweepOp(0)); err != nil {
			return TransactionResult{}, failure(err)
		}
	}
}

func (t *transaction) commit(ctx context.Context) (TransactionResult, error) {
	if i := t.req.Idempotency; i != nil {
		kept := *i
		kept.Answer = func(v Versionstamp, r AtomicResult) []byte {
			answer := t.answer
			answer.AtomicResult = r
			return t.req.Answer(v, answer)
		}
		t.req.Idempotency = &kept
	}
	result, err := t.do(ctx, &sqldb.Op{ReadLocked: t.readLocked, Guard: t.guard})
	if err != nil {
		return TransactionResult{}, err
	}
	t.answer.AtomicResult = result
	if !result.OK || result.Replayed != nil {
		t.answer.Reads = nil
	}
	return t.answer, nil
}

// readLocked reads under the write lock, so that nothing comes between the
// reads and the mutations.
func (t *transaction) readLocked(ctx context.Context, q sqldb.Querier) error {
	t.answer, t.found, t.tooOld = TransactionResult{}, nil, false
	now, err := q.Query(ctx, sqldb.Stmt{SQL: nowSQL})
	if err != nil {
		return err
	}
	t.readAt = now[0][0].Integer(0)
	if t.req.Snapshot != "" {
		if err := t.detect(ctx, q); err != nil || t.answer.SnapshotTooOld || len(t.found) > 0 {
			return err
		}
	}
	t.answer.Reads, err = readAll(ctx, q, t.req.Reads)
	return err
}

// guard fails if something that was read alive has expired by the
// transaction's time.
func (t *transaction) guard() []sqldb.Stmt {
	return []sqldb.Stmt{{SQL: expiredSinceSQL, Args: []any{t.ranges, t.readAt}}}
}

// detect finds what has changed or expired after the request's snapshot.
func (t *transaction) detect(ctx context.Context, q sqldb.Querier) error {
	results, err := q.Query(ctx,
		sqldb.Stmt{SQL: positionSQL},
		sqldb.Stmt{SQL: changedSQL, Args: []any{t.ranges, string(t.req.Snapshot)}},
		sqldb.Stmt{SQL: goneSQL, Args: []any{t.ranges, string(t.req.Snapshot)}},
		sqldb.Stmt{SQL: expiredSQL, Args: []any{t.ranges}})
	if err != nil {
		return err
	}
	position := results[0][0]
	switch {
	case string(t.req.Snapshot) > position.Text(0):
		return fmt.Errorf("%w: the snapshot is newer than the database", ErrInvalidArgument)
	case string(t.req.Snapshot) < position.Text(1):
		t.tooOld, t.answer.SnapshotTooOld = true, true
		return nil
	}
	seen := map[Key]bool{}
	for _, rows := range results[1:] {
		for _, row := range rows {
			if key := Key(row.Bytes(0)); !seen[key] {
				seen[key] = true
				t.found = append(t.found, Check{Key: key, Versionstamp: Versionstamp(row.Text(1))})
			}
		}
	}
	return nil
}

// Conflicts are named up to a bound: a client needs to know that there are
// some, and where.
const (
	inRangesSQL = `json_each(?1) r CROSS JOIN kv_entries e WHERE e.key` + fromSQL + ` AND e.key` + toSQL

	changedSQL = `SELECT e.key,e.versionstamp FROM keyval_sequence s CROSS JOIN ` + inRangesSQL + `
AND e.versionstamp>?2 AND ` + aliveSQL + ` LIMIT 100`

	goneSQL = `SELECT c.key,coalesce(e.versionstamp,'') FROM json_each(?1) r CROSS JOIN keyval_changelog c
LEFT JOIN kv_entries e ON e.key=c.key
WHERE c.op<>'s' AND c.key` + fromSQL + ` AND c.key` + toSQL + ` AND c.versionstamp>?2 LIMIT 100`

	nowSQL = `SELECT ` + sqldb.NowSQL + ` FROM keyval_sequence s`

	expiredSinceSQL = sqldb.StaleSQL + `FROM keyval_sequence s CROSS JOIN kv_entries e INDEXED BY idx_kv_expires CROSS JOIN json_each(?1) r
WHERE e.expires_at>?2 AND e.expires_at<=s.time AND e.key` + fromSQL + ` AND e.key` + toSQL + ` LIMIT 1`

	expiredSQL = `SELECT e.key,'' FROM keyval_sequence s CROSS JOIN kv_entries e INDEXED BY idx_kv_expires CROSS JOIN json_each(?1) r
WHERE e.expires_at<=` + sqldb.NowSQL + ` AND e.key` + fromSQL + ` AND e.key` + toSQL + ` LIMIT 100`
)

// expired are entries that have expired and not been removed, in what the
// transaction covers.
func (t *transaction) expired(ctx context.Context, q sqldb.Querier) ([]sqldb.Row, error) {
	results, err := q.Query(ctx, sqldb.Stmt{SQL: expiredSQL, Args: []any{t.ranges}})
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// readAll answers the reads within a transaction.
func readAll(ctx context.Context, q sqldb.Querier, reads []Read) ([][]Entry, error) {
	b := newBudget()
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
			return nil, fmt.Errorf("%w: the reads pass %d MiB together", ErrTooLarge, MaxAnswerBytes>>20)
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
