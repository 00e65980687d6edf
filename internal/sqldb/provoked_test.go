package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// roughly is long enough to be sure that something waits.
const roughly = 100 * time.Millisecond

// hold keeps the write lock of an embedded database on a connection of its own until
// release is called.
func hold(t *testing.T, url string) (release func()) {
	t.Helper()
	conn, err := openRaw(t, url).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustExecOn(t, conn, "BEGIN IMMEDIATE")
	return func() { mustExecOn(t, conn, "ROLLBACK") }
}

func mustExecOn(t *testing.T, conn *sql.Conn, stmt string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), stmt); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// impatient has the committer's connection wait for locks for a millisecond.
func impatient(t *testing.T, db *sqldb.DB) {
	t.Helper()
	mustDo(t, db, run("PRAGMA busy_timeout=1"))
}

func TestABusyDatabaseIsTriedAgainAndNothingIsDoneTwice(t *testing.T) {
	t.Parallel()
	url, logs := embeddedURL(t), &lockedText{}
	db := open(t, sqldb.Config{PrimaryURL: url, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	impatient(t, db)
	release := hold(t, url)
	written := start(timeout(t), db, add("n", nil))
	ctx, cancel := context.WithTimeout(t.Context(), roughly)
	defer cancel()
	_, err := db.Do(ctx, add("n", nil))
	wantErr(t, answer{err: err}, context.DeadlineExceeded)
	release()
	wantErr(t, receive(t, written), nil)
	wantValue(t, db, "n", 1)
	if strings.Contains(logs.String(), "cannot be reached") {
		t.Errorf("the log takes a busy database for an unreachable one:\n%s", logs)
	}
}

func TestAnInterruptedStatementIsNoFaultOfTheDatabase(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	ctx, cancel := context.WithTimeout(t.Context(), roughly)
	defer cancel()
	endless := sqldb.Stmt{SQL: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n"}
	_, err := db.Primary().Query(ctx, endless)
	wantErr(t, answer{err: err}, context.DeadlineExceeded)
	mustDo(t, db, add("n", nil))
	wantValue(t, db, "n", 1)
}

// The server that is back knows nothing of the streams of the one before: it answers
// what still names one with 400.
func TestAStreamThatTheServerDoesNotKnowIsBegunAnew(t *testing.T) {
	t.Parallel()
	primary, logs := nodetest.MustStartPrimary(t), &lockedText{}
	logger := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL(), Logger: logger})
	mustDo(t, db, add("n", nil))
	locked := add("n", nil)
	apply, restarted := locked.Apply, false
	locked.Locked = &sqldb.LockedRead{Found: func([][]sqldb.Row) {}}
	locked.Apply = func(tx *sqldb.Tx) error {
		if restarted {
			return apply(tx)
		}
		restarted = true // while the transaction is open
		if err := errors.Join(primary.Kill(), primary.Start(t.Context())); err != nil {
			return err
		}
		return apply(tx)
	}
	mustDo(t, db, locked)
	wantValue(t, db, "n", 2)
	if text := logs.String(); !strings.Contains(text, "error code 400") || strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") {
		t.Errorf("the log says\n%s\nwant that the server answered 400, and that it is no fault", text)
	}
}

func TestASnapshotWhoseStreamIsLostIsReadAnew(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	db := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	mustDo(t, db, add("n", nil))
	runs := 0
	err := db.Snapshot(t.Context(), func(q sqldb.Querier) error {
		if runs++; runs == 1 {
			if _, err := q.Query(t.Context(), sqldb.Stmt{SQL: "SELECT 1"}); err != nil {
				return err
			}
			if err := primary.Kill(); err != nil {
				return err
			}
			if err := primary.Start(t.Context()); err != nil {
				return err
			}
		}
		_, err := q.Query(t.Context(), sqldb.Stmt{SQL: "SELECT txn FROM keyval_sequence"})
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("got %v after %d runs, want a second run that succeeds", err, runs)
	}
}
