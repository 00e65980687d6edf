package kv

import (
	"context"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
)

// A list's arguments are start, end, limit, the bytes that one answer of the database may
// have, and the time to go by, NULL for now. The statement stops itself: behind the row
// that passes those bytes, or, if it is strict, before it. Each row tells how many rows
// there would be without that. There is always one row, if only for that and the position.
var (
	listForwardSQL   = listSQL("", "p.sofar<?4")
	listReverseSQL   = listSQL(" DESC", "p.sofar<?4")
	strictForwardSQL = listSQL("", "p.sofar+p.size<=?4")
	strictReverseSQL = listSQL(" DESC", "p.sofar+p.size<=?4")
)

func listSQL(direction, fits string) string {
	return `SELECT e.key,e.value,e.versionstamp,e.expires_at,` + sqldb.PositionSQL + `,p.n
FROM keyval_sequence s LEFT JOIN (
SELECT k,size,count(*) OVER () n,sum(size) OVER (ROWS UNBOUNDED PRECEDING)-size sofar FROM (
SELECT e.key k,length(e.key)+length(e.value) size FROM kv_entries e,keyval_sequence s
WHERE e.key>=?1 AND e.key<?2 AND ` + aliveAtSQL("?5") + ` ORDER BY e.key` + direction + ` LIMIT ?3)
) p ON p.sofar=0 OR ` + fits + ` LEFT JOIN kv_entries e ON e.key=p.k AND ` + fits + ` ORDER BY p.k` + direction
}

// List reads a run of entries from one snapshot. It stops early, with More
// set, where an answer would pass MaxAnswerBytes.
// With Where it may be several snapshots: see listMatches.
func (s *Store) List(ctx context.Context, sel Selector, opts ReadOptions) (Page, error) {
	if sel.Where != nil {
		return s.listMatches(ctx, sel, opts)
	}
	var page Page
	var cut bool
	err := s.db.Read(ctx, opts.Freshness(), func(ctx context.Context, r sqldb.Reader) (sqldb.Position, error) {
		rows, err := r.QueryLarge(ctx, listStmt(sel, sqldb.MaxAnswer, nil))
		if err != nil {
			return "", err
		}
		page, cut = scanPage(rows, sel.Limit)
		return sqldb.Position(page.Versionstamp), nil
	})
	if err != nil {
		return Page{}, Failure(err)
	}
	if cut {
		return s.listLarge(ctx, sel)
	}
	return page, nil
}

// listLarge reads a list that one answer of the database cannot hold, in
// several statements of one snapshot on the primary.
func (s *Store) listLarge(ctx context.Context, sel Selector) (Page, error) {
	var page Page
	err := s.db.Snapshot(ctx, func(q sqldb.Querier) error {
		_, now, err := snapshotPosition(ctx, q)
		if err != nil {
			return err
		}
		page, err = listIn(ctx, q, sel, now, newBudget())
		return err
	})
	if err != nil {
		return Page{}, Failure(err)
	}
	s.db.Answered(sqldb.Position(page.Versionstamp))
	return page, nil
}

// listIn reads a list within a transaction, as it is at a time, piece by piece.
func listIn(ctx context.Context, q sqldb.Querier, sel Selector, now int64, b *budget) (Page, error) {
	whole := Page{}
	for {
		results, err := q.Query(ctx, listStmt(sel, sqldb.MaxPiece, now))
		if err != nil {
			return Page{}, err
		}
		piece, cut := scanPage(results[0], sel.Limit)
		whole.Versionstamp, whole.More = piece.Versionstamp, piece.More
		for _, e := range piece.Entries {
			if !b.take([]int64{int64(len(e.Key) + len(e.Value))}) {
				whole.More = true
				return whole, nil
			}
			whole.Entries = append(whole.Entries, e)
		}
		if !cut {
			return whole, nil
		}
		sel.Limit -= len(piece.Entries)
		sel.Range = sel.Range.After(piece.Entries[len(piece.Entries)-1].Key, sel.Reverse)
	}
}

// listStmt asks for one row more than the limit, to tell whether there is
// more, and stops after so many bytes.
func listStmt(sel Selector, bytes int64, now any) sqldb.Stmt {
	if sel.Reverse {
		return sel.stmt(listReverseSQL, bytes, now)
	}
	return sel.stmt(listForwardSQL, bytes, now)
}

// strictListStmt selects no more than so many bytes.
func strictListStmt(sel Selector, bytes int64) sqldb.Stmt {
	if sel.Reverse {
		return sel.stmt(strictReverseSQL, bytes, nil)
	}
	return sel.stmt(strictForwardSQL, bytes, nil)
}

func (sel *Selector) stmt(text string, bytes int64, now any) sqldb.Stmt {
	return sqldb.Stmt{SQL: text, Args: []any{
		[]byte(sel.Range.Start), []byte(sel.Range.End), int64(sel.Limit) + 1, bytes, now}}
}

// scanPage reads what a list statement selected. cut tells that the statement
// stopped for its answer's size before it came to the limit or the end.
func scanPage(rows []sqldb.Row, limit int) (page Page, cut bool) {
	page.Versionstamp = Versionstamp(rows[0].Text(4))
	total := int(rows[0].Integer(5))
	if rows[0].Bytes(0) == nil {
		return page, total > 0
	}
	for _, row := range rows[:min(len(rows), limit)] {
		page.Entries = append(page.Entries, Entry{
			Key: Key(row.Bytes(0)), Value: row.Bytes(1), Versionstamp: Versionstamp(row.Text(2)), ExpiresAt: row.Integer(3)})
	}
	page.More = total > len(page.Entries)
	return page, len(rows) < total && len(rows) < limit
}

const countSQL = `SELECT ` + sqldb.PositionSQL + `,
(SELECT count(*) FROM kv_entries e WHERE e.key>=?1 AND e.key<?2 AND ` + AliveSQL + `) FROM keyval_sequence s`

// Count counts the entries in a range that match where, nil for all.
func (s *Store) Count(ctx context.Context, r Range, where *filter.Filter, opts ReadOptions) (int64, Versionstamp, error) {
	if where != nil {
		return s.countMatches(ctx, r, where, opts)
	}
	var count int64
	var position sqldb.Position
	err := s.db.Read(ctx, opts.Freshness(), func(ctx context.Context, reader sqldb.Reader) (sqldb.Position, error) {
		rows, err := reader.QueryLarge(ctx, sqldb.Stmt{SQL: countSQL, Args: []any{[]byte(r.Start), []byte(r.End)}})
		if err != nil {
			return "", err
		}
		position, count = sqldb.Position(rows[0].Text(0)), rows[0].Integer(1)
		return position, nil
	})
	return count, Versionstamp(position), Failure(err)
}
