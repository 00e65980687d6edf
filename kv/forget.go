package kv

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

// answerAge is how long an answer is kept, by the database's clock.
const answerAge = 24 * time.Hour

// oldestKeptSQL is the time of the newest answer that is one too many: the
// newest 1,000,000 are kept.
const oldestKeptSQL = `coalesce((SELECT created_at FROM keyval_idempotency ORDER BY created_at DESC LIMIT 1 OFFSET 1000000),0)`

// forgottenSQL holds for an answer i that is not kept any more at a time.
func forgottenSQL(now string) string {
	return `i.created_at<=max(` + sqldb.AgoSQL(answerAge, now) + `,` + oldestKeptSQL + `)`
}

var (
	anyForgottenSQL = `SELECT 1 FROM keyval_sequence s CROSS JOIN keyval_idempotency i WHERE ` + forgottenSQL(sqldb.DueSQL) + ` LIMIT 1`

	// forgottenIDsSQL are at most 1,000, and at most 64 parts but for the first one's:
	// what follows is left to the next transaction.
	forgottenIDsSQL = `SELECT f.id FROM (SELECT o.id,sum(o.parts) OVER (ROWS UNBOUNDED PRECEDING)-o.parts AS before FROM (
SELECT i.id,i.parts FROM keyval_sequence s CROSS JOIN keyval_idempotency i WHERE ` + forgottenSQL("s.time") + ` ORDER BY i.created_at LIMIT 1000) o) f WHERE f.before<64`

	forgetAnswers = sqldb.Cleanup{
		Name: "forget",
		Look: func(until int64) sqldb.Stmt { return sqldb.Stmt{SQL: anyForgottenSQL, Args: []any{until}} },
		Batch: func([]sqldb.Row) *sqldb.InSQL {
			return sqldb.Statements(
				sqldb.Stmt{SQL: `DELETE FROM keyval_idempotency_parts WHERE id IN (` + forgottenIDsSQL + `)`},
				sqldb.Stmt{SQL: `DELETE FROM keyval_idempotency WHERE id IN (` + forgottenIDsSQL + `)`})
		},
	}
)

// ForgetAnswers removes idempotency keys that are past their time or too many.
// epoch is the leader's, 0 for none.
func (s *Store) ForgetAnswers(ctx context.Context, epoch int64) error {
	_, err := s.db.CleanUp(ctx, epoch, forgetAnswers)
	return err
}
