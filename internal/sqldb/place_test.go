package sqldb_test

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
)

func TestAFileThatIsMovedOrReplacedIsNotWrittenUntilItIsBack(t *testing.T) {
	t.Parallel()
	url, logs := embeddedURL(t), &lockedText{}
	db := open(t, sqldb.Config{PrimaryURL: url, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	mustDo(t, db, add("n", nil))
	file := strings.TrimPrefix(url, "file:")
	for _, fill := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(file, []byte("another one"), 0o600) },
	} {
		if err := errors.Join(os.Rename(file, file+".away"), fill()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			wantErr(t, receive(t, start(timeout(t), db, add("n", nil))), sqldb.ErrMoved)
		}
		wantErr(t, answer{err: db.Writable(t.Context())}, sqldb.ErrMoved)
		if err := os.Rename(file+".away", file); err != nil {
			t.Fatal(err)
		}
		await.That(t, "it takes writes", func() bool { return db.Writable(t.Context()) == nil })
		mustDo(t, db, add("n", nil))
	}
	wantValue(t, db, "n", 3)
	if got := strings.Count(logs.String(), "was moved or replaced; writes are refused"); got != 2 {
		t.Errorf("the log says so %d times, want once each time:\n%s", got, logs)
	}
}

// slowlySQL reads a cell for so long that readers need connections of their own.
const slowlySQL = `SELECT n FROM cells WHERE name='n' AND 300000=(
WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x+1 FROM c WHERE x<300000) SELECT count(*) FROM c)`

func TestAnotherFileInThePlaceOfTheDatabaseIsNotRead(t *testing.T) {
	t.Parallel()
	url, other := embeddedURL(t), embeddedURL(t)
	db, foreign := open(t, sqldb.Config{PrimaryURL: url}), open(t, sqldb.Config{PrimaryURL: other})
	mustDo(t, db, add("n", nil))
	mustDo(t, foreign, add("n", nil))
	mustDo(t, foreign, add("n", nil))
	if err := foreign.Close(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, openRaw(t, url), "PRAGMA wal_checkpoint(TRUNCATE)") // what is in the log is read from there
	file, sound := strings.TrimPrefix(url, "file:"), strings.TrimPrefix(other, "file:")
	read := func() (rows []sqldb.Row, err error) {
		return db.Primary().Query(timeout(t), sqldb.Stmt{SQL: slowlySQL})
	}
	for _, fill := range []func() error{
		func() error { return os.WriteFile(file, []byte(strings.Repeat("no database", 500)), 0o600) },
		func() error { return os.Rename(sound, file) },
	} {
		if err := errors.Join(os.Rename(file, file+".away"), fill()); err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		for range 16 {
			readers.Go(func() {
				if rows, err := read(); err != nil {
					wantErr(t, answer{err: err}, sqldb.ErrMoved)
				} else if n := rows[0].Integer(0); n != 1 {
					t.Errorf("read %d of the other file", n)
				}
			})
		}
		readers.Wait()
		if err := os.Rename(file+".away", file); err != nil {
			t.Fatal(err)
		}
		if _, err := read(); err != nil {
			t.Errorf("it is back, but not read: %v", err)
		}
	}
}
