package search

import (
	"context"
	"strings"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

// restTime is for how long a dropped index keeps what it has: longer than any search takes
// that has begun before. FTS5 takes an index with rows missing, or a table that goes while it is
// read, for damage of the database.
const restTime = time.Minute

// Bounds of a batch: it holds up all writers.
const (
	batchRows  = 500
	batchBytes = 1 << 20
)

const (
	// nextBatchSQL chooses the entries of a batch. Its arguments are the index, the end of
	// its keys, and the bounds in rows and bytes.
	nextBatchSQL = `UPDATE keyval_search_indexes AS x SET since=next,mark=(SELECT coalesce(max(id),0) FROM keyval_search_docs),
next=coalesce((SELECT iif(max(b.k) IS NULL,NULL,unhex(hex(max(b.k))||'00')) FROM (
SELECT o.k,sum(o.size) OVER (ROWS UNBOUNDED PRECEDING)-o.size AS before FROM (
SELECT e.key k,length(e.value) size FROM kv_entries e WHERE e.key>=x.next AND e.key<?2 ORDER BY e.key LIMIT ?3) o) b WHERE b.before<?4),x.next)
WHERE x.id=?1 AND x.state='building'`

	// addBatchSQL leaves out what triggers have indexed.
	addBatchSQL = `INSERT INTO keyval_search_docs(index_id,key)
SELECT x.id,e.key FROM keyval_search_indexes x CROSS JOIN kv_entries e
WHERE x.id=?1 AND x.state='building' AND e.key>=x.since AND e.key<x.next
AND NOT EXISTS (SELECT 1 FROM keyval_search_docs d WHERE d.index_id=?1 AND d.key=e.key)`

	indexBatchSQL = `INSERT INTO {table}(rowid,{columns}) SELECT d.id,
{texts}
FROM keyval_search_indexes x CROSS JOIN keyval_search_docs d CROSS JOIN kv_entries e
WHERE x.id=?1 AND x.state='building' AND d.id>x.mark AND e.key=d.key`

	builtSQL = `UPDATE keyval_search_indexes AS x SET state='ready' WHERE x.id=?1 AND x.state='building'
AND NOT EXISTS (SELECT 1 FROM kv_entries e WHERE e.key>=x.next AND e.key<?2)`
)

// batch indexes some of the entries that were there before the index.
func (x *indexed) batch(paths []filter.Path, rows int) []sqldb.Stmt {
	end := []byte(kv.SubtreeRange(x.Prefix).End)
	c := columns{entry: "e"}
	return []sqldb.Stmt{
		{SQL: nextBatchSQL, Args: []any{x.id, end, int64(rows), int64(batchBytes)}},
		{SQL: addBatchSQL, Args: []any{x.id}},
		x.stmt("index entries", strings.ReplaceAll(indexBatchSQL, "{texts}", c.of(paths)), x.id),
		{SQL: builtSQL, Args: []any{x.id, end}},
	}
}

const (
	// unfinishedSQL finds an index with work to do: one that is built first. One that was
	// dropped less than ?1 ms ago may still be searched.
	unfinishedSQL = `SELECT x.id,x.prefix,x.fields,x.tokenize,x.state,
EXISTS (SELECT 1 FROM keyval_search_docs d WHERE d.index_id=x.id)
FROM keyval_sequence s CROSS JOIN keyval_search_indexes x WHERE x.state='building'
OR x.state='dropping' AND x.mark<=` + sqldb.NowSQL + `-?1 ORDER BY x.state,x.prefix LIMIT 1`

	// Of a dropped index first what is large goes, in pieces. That is not FTS5's business:
	// it would read the text and look each word up.
	dropTextSQL = `DELETE FROM {table}_content WHERE id IN (SELECT d.id FROM keyval_search_docs d WHERE d.index_id=?1 ORDER BY d.key LIMIT ?2)`
	dropDocsSQL = `DELETE FROM keyval_search_docs WHERE id IN (SELECT d.id FROM keyval_search_docs d WHERE d.index_id=?1 ORDER BY d.key LIMIT ?2)`
)

// Build goes on with indexes that are being built or dropped, until that is done.
// epoch is the leader's, 0 for none.
func (x *Indexes) Build(ctx context.Context, epoch int64) error {
	var failed error
	_, err := x.db.CleanUp(ctx, epoch, sqldb.Cleanup{
		Name: "search_index",
		Look: func(int64) sqldb.Stmt {
			return sqldb.Stmt{SQL: unfinishedSQL, Args: []any{x.rest.Milliseconds()}}
		},
		Batch: func(found []sqldb.Row) (batch *sqldb.InSQL) {
			batch, failed = x.unfinished(found[0])
			return batch
		},
	})
	if err == nil {
		err = failed
	}
	return kv.Failure(err)
}

// unfinished is the next batch for an index.
func (x *Indexes) unfinished(row sqldb.Row) (*sqldb.InSQL, error) {
	found := indexed{id: row.Text(0)}
	if row.Text(4) == "dropping" {
		return sqldb.Statements(found.removal(row.Integer(5) == 1, x.batchRows)...), nil
	}
	paths, err := found.read(row)
	if err != nil {
		return nil, err
	}
	return sqldb.Statements(found.batch(paths, x.batchRows)...), nil
}

// removal removes some of what a dropped index has, and in the end its table.
func (x *indexed) removal(more bool, rows int) []sqldb.Stmt {
	if more {
		return []sqldb.Stmt{
			x.stmt("remove indexed text", dropTextSQL, x.id, int64(rows)),
			{SQL: dropDocsSQL, Args: []any{x.id, int64(rows)}},
		}
	}
	return []sqldb.Stmt{
		x.stmt("drop an index's table", `DROP TABLE IF EXISTS {table}`),
		{SQL: `DELETE FROM keyval_search_indexes WHERE id=?`, Args: []any{x.id}},
	}
}
