package kv

import (
	"context"

	"github.com/buntime/keyval/internal/sqldb"
)

// sweepBytes is after how many bytes of values a sweep removes no more in a transaction:
// SQLite reads all pages of a large value to free them, 3 to 5 ms for a MiB on a busy
// machine.
const sweepBytes = 32 << 20

const anyExpiredSQL = `SELECT 1 FROM keyval_sequence s CROSS JOIN kv_entries e INDEXED BY idx_kv_expires
WHERE e.expires_at<=` + sqldb.DueSQL + ` LIMIT 1`

var (
	// sweepLogSQL takes at most 500 entries, and at most ?2 bytes but for the last one's.
	sweepLogSQL = `INSERT INTO keyval_changelog(versionstamp,key,op)
SELECT x.stamp,x.key,'x' FROM (SELECT o.stamp,o.key,sum(o.size) OVER (ROWS UNBOUNDED PRECEDING)-o.size AS before FROM (
SELECT ` + sqldb.StampSQL("?1") + ` AS stamp,e.key,length(e.value) AS size FROM keyval_sequence s CROSS JOIN kv_entries e INDEXED BY idx_kv_expires
WHERE e.expires_at<=s.time ORDER BY e.expires_at LIMIT 500) o) x WHERE x.before<?2`

	sweptSQL = `SELECT count(c.key) FROM keyval_nodes s
LEFT JOIN keyval_changelog c ON c.versionstamp=` + sqldb.StampSQL("?2") + ` WHERE s.boot_id=?1`
)

// Sweep removes entries that have expired by the database's clock, in small
// transactions with a change-log row for each, and returns how many.
// epoch is the leader's, 0 for none.
func (s *Store) Sweep(ctx context.Context, epoch int64) (int64, error) {
	return s.db.CleanUp(ctx, epoch, sqldb.Cleanup{
		Name:  "sweep",
		Look:  func(until int64) sqldb.Stmt { return sqldb.Stmt{SQL: anyExpiredSQL, Args: []any{until}} },
		Batch: func([]sqldb.Row) *sqldb.InSQL { return s.sweepBatch() },
	})
}

func (s *Store) sweepBatch() *sqldb.InSQL {
	return &sqldb.InSQL{
		Exec: func(op int) []sqldb.Stmt {
			return []sqldb.Stmt{
				{SQL: sweepLogSQL, Args: []any{int64(op), int64(s.sweepBytes)}},
				{SQL: bulkRemoveSQL, Args: []any{int64(op)}},
			}
		},
		Outcome: func(boot string, op int) sqldb.Stmt {
			return sqldb.Stmt{SQL: sweptSQL, Args: []any{boot, int64(op)}}
		},
	}
}
