package kv

import (
	"context"
	"math"

	"github.com/buntime/keyval/internal/sqldb"
)

// sweepBytes is after how many bytes of values a sweep removes no more in a transaction:
// SQLite reads all pages of a large value to free them, 3 to 5 ms for a MiB on a busy
// machine.
const sweepBytes = 32 << 20

const anyExpiredSQL = `SELECT 1 FROM keyval_sequence s CROSS JOIN kv_entries e INDEXED BY idx_kv_expires
WHERE e.expires_at<=min(?1,` + sqldb.NowSQL + `) LIMIT 1`

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
// transactions with a change-log row for each, and returns how many. It
// writes nothing when there are none, and ends however many expire meanwhile.
// epoch is the leader's, 0 for none.
func (s *Store) Sweep(ctx context.Context, epoch int64) (int64, error) {
	var swept int64
	for until := int64(math.MaxInt64); ; {
		rows, err := s.db.Primary().Query(ctx, sqldb.Stmt{SQL: anyExpiredSQL, Args: []any{until}})
		if err != nil || len(rows) == 0 {
			return swept, err
		}
		commit, err := s.db.Do(ctx, s.sweepOp(epoch))
		if err != nil {
			return swept, err
		}
		swept += commit.Rows[0].Integer(0)
		until = min(until, commit.Time)
	}
}

func (s *Store) sweepOp(epoch int64) *sqldb.Op {
	return &sqldb.Op{Name: "sweep", Epoch: epoch, InSQL: &sqldb.InSQL{
		Exec: func(op int) []sqldb.Stmt {
			return []sqldb.Stmt{
				{SQL: sweepLogSQL, Args: []any{int64(op), int64(s.sweepBytes)}},
				{SQL: bulkRemoveSQL, Args: []any{int64(op)}},
			}
		},
		Outcome: func(boot string, op int) sqldb.Stmt {
			return sqldb.Stmt{SQL: sweptSQL, Args: []any{boot, int64(op)}}
		},
	}}
}

const (
	anyForgottenSQL = `SELECT 1 FROM keyval_sequence s CROSS JOIN keyval_idempotency i
WHERE i.created_at<=max(` + sqldb.NowSQL + `-86400000,` + oldestKeptSQL + `) LIMIT 1`

	// oldestKeptSQL is the time of the newest answer that is one too many: the
	// newest 1,000,000 are kept.
	oldestKeptSQL = `coalesce((SELECT created_at FROM keyval_idempotency ORDER BY created_at DESC LIMIT 1 OFFSET 1000000),0)`

	// forgottenSQL are at most 1,000, and at most 64 parts but for the first one's:
	// what follows is left to the next transaction.
	forgottenSQL = `SELECT f.id FROM (SELECT o.id,sum(o.parts) OVER (ROWS UNBOUNDED PRECEDING)-o.parts AS before FROM (
SELECT i.id,i.parts FROM keyval_sequence s CROSS JOIN keyval_idempotency i
WHERE i.created_at<=max(s.time-86400000,` + oldestKeptSQL + `) ORDER BY i.created_at LIMIT 1000) o) f WHERE f.before<64`

	forgetPartsSQL = `DELETE FROM keyval_idempotency_parts WHERE id IN (` + forgottenSQL + `)`
	forgetSQL      = `DELETE FROM keyval_idempotency WHERE id IN (` + forgottenSQL + `)`
)

// ForgetAnswers removes idempotency keys that are past their time or too many.
func (s *Store) ForgetAnswers(ctx context.Context, epoch int64) error {
	for {
		rows, err := s.db.Primary().Query(ctx, sqldb.Stmt{SQL: anyForgottenSQL})
		if err != nil || len(rows) == 0 {
			return err
		}
		if _, err := s.db.Do(ctx, forgetOp(epoch)); err != nil {
			return err
		}
	}
}

func forgetOp(epoch int64) *sqldb.Op {
	return &sqldb.Op{Name: "forget", Epoch: epoch, InSQL: &sqldb.InSQL{
		Exec: func(int) []sqldb.Stmt { return []sqldb.Stmt{{SQL: forgetPartsSQL}, {SQL: forgetSQL}} },
		Outcome: func(string, int) sqldb.Stmt {
			return sqldb.Stmt{SQL: "SELECT count(*) FROM keyval_guard"}
		},
	}}
}
