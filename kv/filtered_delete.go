package kv

import (
	"context"
	"errors"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
)

const (
	// deleteScanBytes is how many bytes of values a page of candidates has, because the
	// filter reads those once more while it holds the write lock.
	deleteScanBytes = 2 << 20
	// mostScanRanges is how many ranges are looked through at once: they fit an argument.
	mostScanRanges = 256
)

// A matchDelete removes what matches a filter: it finds candidates, a page at a time,
// while others write, and removes those that still match then.
type matchDelete struct {
	bulkDelete
	store  *Store
	left   []Range // in order, disjoint
	scan   *scan
	result DeleteResult
}

// deleteMatches removes the entries that match, 1,000 at most in a transaction.
func (s *Store) deleteMatches(ctx context.Context, req DeleteRequest) (DeleteResult, error) {
	d := &matchDelete{
		bulkDelete: bulkDelete{idempotency: req.Idempotency, where: req.Where},
		store:      s, left: mergeRanges(req.Keys, req.Ranges),
		scan: s.scan(findMatches, req.Where, ReadOptions{Consistency: Strong}),
	}
	d.scan.bytes = deleteScanBytes
	err := d.run(ctx)
	if errors.Is(err, errNotCommitted) {
		return DeleteResult{Deleted: d.done.deleted, Versionstamp: d.result.Versionstamp, Replayed: true}, nil
	}
	return d.result, err
}

func (d *matchDelete) run(ctx context.Context) error {
	if d.idempotency != nil {
		// An earlier try is found before anything is looked through.
		if err := d.remove(ctx, nil); err != nil {
			return err
		}
	}
	for {
		keys, err := d.find(ctx)
		if err != nil {
			return err
		}
		d.finished = len(d.left) == 0
		if len(keys) > 0 || d.finished && d.idempotency != nil {
			if err := d.remove(ctx, keys); err != nil {
				return err
			}
		}
		if d.finished {
			return nil
		}
	}
}

// find finds the next candidates and moves what is left on.
func (d *matchDelete) find(ctx context.Context) ([]string, error) {
	ranges := d.left[:min(len(d.left), mostScanRanges)]
	found, err := d.scan.look(ctx, renderRanges(ranges)[0], nil, deleteBatch)
	if err != nil {
		return nil, err
	}
	d.result.Versionstamp = max(d.result.Versionstamp, found.position)
	keys := make([]string, len(found.rows))
	for i, row := range found.rows {
		keys[i] = string(row.Bytes(0))
	}
	switch {
	case len(keys) == deleteBatch:
		d.after(Key(keys[deleteBatch-1]))
		d.scan.entries = max(d.scan.entries/2, deleteBatch) // for nothing, what is behind the last one
	case found.ended:
		d.left = d.left[len(ranges):]
	default:
		d.after(found.last)
	}
	return keys, nil
}

// after leaves what comes after a key.
func (d *matchDelete) after(last Key) {
	for len(d.left) > 0 {
		if d.left[0] = d.left[0].After(last, false); !d.left[0].Empty() {
			return
		}
		d.left = d.left[1:]
	}
}

// remove removes those of the candidates that match in its transaction.
func (d *matchDelete) remove(ctx context.Context, keys []string) error {
	d.ranges = nil
	if len(keys) > 0 {
		d.ranges = []string{sqldb.HexKeys(keys)}
	}
	commit, err := d.store.db.Do(ctx, d.op())
	switch {
	case errors.Is(err, errNotCommitted):
		d.result.Versionstamp, _ = d.done.answered(nil, commit)
		return err
	case err != nil:
		return scanFailure(err)
	}
	d.result.Versionstamp = Versionstamp(commit.Versionstamp())
	d.result.Deleted += commit.Rows[0].Integer(0)
	if d.finished {
		d.result.Deleted = max(d.result.Deleted, commit.Rows[0].Integer(1))
	}
	return nil
}

// logMatches logs the candidates that are there and match, by the transaction's time.
func logMatches(candidates string, where *filter.Filter, op int) sqldb.Stmt {
	condition, args := where.SQL(DocumentSQL, "s.time", 3)
	return sqldb.Stmt{
		Name: "log a deletion by filter",
		SQL: `INSERT INTO keyval_changelog(versionstamp,key,op)
SELECT ` + sqldb.StampSQL("?2") + `,e.key,'d' FROM keyval_sequence s CROSS JOIN json_each(?1) j CROSS JOIN kv_entries e
WHERE e.key=unhex(j.value) AND ` + aliveThenSQL + ` AND (` + condition + `)`,
		Args: append([]any{candidates, int64(op)}, args...),
	}
}
