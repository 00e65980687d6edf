package kv

import (
	"bytes"
	"context"
	"errors"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
)

// deleteBatch is how many entries one transaction removes: atomic up to here.
const deleteBatch = 1000

// A DeleteRequest removes keys one by one and whole ranges.
type DeleteRequest struct {
	Keys   []Key
	Ranges []Range
	// Where is what the entries must match; nil for all.
	Where *filter.Filter
	// Idempotency: Answer is not used, the count is kept.
	Idempotency *Idempotency
}

// A DeleteResult tells how many entries there were.
type DeleteResult struct {
	Deleted int64
	// Versionstamp is the last batch's.
	Versionstamp Versionstamp
	Replayed     bool
}

// Delete removes entries, 1,000 in a transaction. On an error the result says
// how far it came.
func (s *Store) Delete(ctx context.Context, req DeleteRequest) (DeleteResult, error) {
	if req.Where != nil {
		return s.deleteMatches(ctx, req)
	}
	d := &bulkDelete{ranges: rangesJSON(req.Keys, req.Ranges), idempotency: req.Idempotency}
	var result DeleteResult
	for {
		commit, err := s.db.Do(ctx, d.op())
		if errors.Is(err, errNotCommitted) {
			versionstamp, _ := d.done.answered(nil, commit)
			return DeleteResult{Deleted: d.done.deleted, Versionstamp: versionstamp, Replayed: true}, nil
		}
		if err != nil {
			return result, Failure(err)
		}
		batch := commit.Rows[0].Integer(0)
		result.Versionstamp = Versionstamp(commit.Versionstamp())
		result.Deleted += batch
		if batch < deleteBatch {
			// With an idempotency key, what an earlier try has deleted counts.
			result.Deleted = max(result.Deleted, commit.Rows[0].Integer(1))
			return result, nil
		}
	}
}

// A bulkDelete is the operation of one batch after the other.
type bulkDelete struct {
	ranges      []string
	idempotency *Idempotency
	done        *keptAnswer
	// where, if it is not nil, is what entries must match; ranges are candidates then, and
	// finished is set for the last batch.
	where    *filter.Filter
	finished bool
}

// The log rows say what is deleted; the entries follow them. Expired entries
// are left to the sweep. Several statements share the batch where the ranges are
// more than one argument.
var (
	bulkLogSQL = `INSERT INTO keyval_changelog(versionstamp,key,op)
SELECT ` + sqldb.StampSQL("?2") + `,e.key,'d' FROM keyval_sequence s CROSS JOIN json_each(?1) r CROSS JOIN kv_entries e
WHERE e.key` + fromSQL + ` AND e.key` + toSQL + ` AND ` + aliveThenSQL + `
LIMIT 1000-(SELECT count(*) FROM keyval_sequence s CROSS JOIN keyval_changelog d WHERE d.versionstamp=` + sqldb.StampSQL("?2") + `)`

	bulkRemoveSQL = `DELETE FROM kv_entries WHERE key IN (
SELECT c.key FROM keyval_sequence s CROSS JOIN keyval_changelog c WHERE c.versionstamp=` + sqldb.StampSQL("?1") + `)`

	bulkKeepSQL = `UPDATE keyval_idempotency SET deleted=deleted+b.n,versionstamp=b.stamp,
answer=CASE WHEN b.n<?3 THEN '' END
FROM (SELECT count(c.key) n,` + sqldb.StampSQL("?1") + ` stamp FROM keyval_sequence s
LEFT JOIN keyval_changelog c ON c.versionstamp=` + sqldb.StampSQL("?1") + `) b WHERE id=?2`

	bulkOutcomeSQL = `SELECT count(c.key),(SELECT deleted FROM keyval_idempotency WHERE id=?3) FROM keyval_nodes s
LEFT JOIN keyval_changelog c ON c.versionstamp=` + sqldb.StampSQL("?2") + ` WHERE s.boot_id=?1`
)

func (d *bulkDelete) op() *sqldb.Op {
	op := &sqldb.Op{Name: "delete", Bytes: bytesOf(d.ranges), Rows: deleteBatch, InSQL: &sqldb.InSQL{Exec: d.exec, Outcome: d.outcome}}
	if d.idempotency != nil {
		op.Reads = []sqldb.Ref{d.idempotency.ref()}
		op.Apply = d.apply
	}
	return op
}

// apply looks for an earlier try. An unfinished one is gone on with.
func (d *bulkDelete) apply(tx *sqldb.Tx) error {
	row, err := d.idempotency.find(tx)
	switch {
	case err != nil:
		return err
	case row == nil:
		keptAnswers.Put(tx, d.idempotency.id(), keptAnswer{request: d.idempotency.Request, op: tx.Op(), placeholder: "-"})
	case row.versionstamp == "":
		return sqldb.ErrNextGroup // the same request in the same group
	case row.answer != nil:
		d.done = row
		return errNotCommitted
	}
	return nil
}

func (d *bulkDelete) exec(op int) []sqldb.Stmt {
	var stmts []sqldb.Stmt
	for _, ranges := range d.ranges {
		stmts = append(stmts, d.log(ranges, op))
	}
	stmts = append(stmts, sqldb.Stmt{SQL: bulkRemoveSQL, Args: []any{int64(op)}})
	if d.idempotency != nil {
		stmts = append(stmts, sqldb.Stmt{SQL: bulkKeepSQL, Args: []any{int64(op), d.idempotency.id(), d.lastBelow()}})
	}
	return stmts
}

func (d *bulkDelete) log(ranges string, op int) sqldb.Stmt {
	if d.where != nil {
		return logMatches(ranges, d.where, op)
	}
	return sqldb.Stmt{SQL: bulkLogSQL, Args: []any{ranges, int64(op)}}
}

// lastBelow is how few entries make a batch the last one. By a filter one knows without:
// all or none.
func (d *bulkDelete) lastBelow() int64 {
	switch {
	case d.where == nil:
		return deleteBatch
	case d.finished:
		return deleteBatch + 1
	}
	return 0
}

func (d *bulkDelete) outcome(boot string, op int) sqldb.Stmt {
	id := ""
	if d.idempotency != nil {
		id = d.idempotency.id()
	}
	return sqldb.Stmt{SQL: bulkOutcomeSQL, Args: []any{boot, int64(op), id}}
}

// replaceVersionstamp puts the versionstamp where the placeholder stands.
func replaceVersionstamp(answer []byte, placeholder, versionstamp Versionstamp) []byte {
	return bytes.ReplaceAll(answer, []byte(placeholder), []byte(versionstamp))
}
