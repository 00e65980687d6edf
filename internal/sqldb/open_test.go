package sqldb_test

import (
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

func TestAnEmbeddedCommitIsOnTheDiskWhenItIsAnswered(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	op := run()
	op.InSQL.Outcome = func(string, int) sqldb.Stmt {
		return sqldb.Stmt{SQL: "SELECT synchronous,journal_mode FROM pragma_synchronous,pragma_journal_mode"}
	}
	rows := mustDo(t, db, op).Rows
	if len(rows) != 1 || rows[0].Integer(0) != 2 || rows[0].Text(1) != "wal" {
		t.Errorf("synchronous and journal mode are %v, want 2 (FULL) and wal", rows)
	}
}

func TestAnEmbeddedCommitKeepsTheJournalsOfItsStatementsInMemory(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	op := run()
	op.InSQL.Outcome = func(string, int) sqldb.Stmt {
		return sqldb.Stmt{SQL: "SELECT temp_store FROM pragma_temp_store"}
	}
	if rows := mustDo(t, db, op).Rows; len(rows) != 1 || rows[0].Integer(0) != 2 {
		t.Errorf("temp_store is %v, want 2 (MEMORY)", rows)
	}
}
