package sqldb_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// mustDamage overwrites everything from the middle of a file on.
func mustDamage(t *testing.T, url string) {
	t.Helper()
	name := strings.TrimPrefix(url, "file:")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	half := content[len(content)/2:]
	copy(half, bytes.Repeat([]byte{0xa5}, len(half)))
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestACorruptDatabaseIsNeitherReadNorWrittenAndSaysWhy(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	db := open(t, sqldb.Config{PrimaryURL: url})
	mustDo(t, db, run("CREATE TABLE blobs(b BLOB)", "INSERT INTO blobs VALUES(randomblob(1000000))", "INSERT INTO blobs SELECT randomblob(100) FROM json_each('[1,2,3]')"))
	mustDo(t, db, add("n", nil))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	mustDamage(t, url)
	logs := &lockedText{}
	db, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: url, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	if err != nil {
		t.Fatal(err) // the damage is where nothing is that an opening looks at
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, sql := range []string{"SELECT hex(b) FROM blobs", "SELECT n FROM cells WHERE name='missing'"} {
		rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: sql})
		wantErr(t, answer{err: err}, sqldb.ErrCorrupt)
		if err == nil {
			t.Errorf("%s: %v of a corrupt database", sql, rows)
		}
	}
	wantErr(t, receive(t, start(timeout(t), db, add("n", nil))), sqldb.ErrCorrupt)
	wantErr(t, answer{err: db.Ping(timeout(t))}, sqldb.ErrCorrupt)
	err = db.Snapshot(timeout(t), func(sqldb.Querier) error { return nil })
	wantErr(t, answer{err: err}, sqldb.ErrCorrupt)
	if got := strings.Count(logs.String(), "the database is corrupt; nothing"); got != 1 {
		t.Errorf("the log says so %d times, want once:\n%s", got, logs)
	}
}

func TestAWriteThatMeetsACorruptPageFindsTheDatabaseCorrupt(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	db := open(t, sqldb.Config{PrimaryURL: url})
	mustDo(t, db, run("CREATE TABLE blobs(b BLOB)", "INSERT INTO blobs VALUES(randomblob(1000000))", "INSERT INTO blobs SELECT randomblob(100) FROM json_each('[1,2,3]')"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	mustDamage(t, url)
	db = open(t, sqldb.Config{PrimaryURL: url})
	for range 2 {
		wantErr(t, receive(t, start(timeout(t), db, run("DELETE FROM blobs"))), sqldb.ErrCorrupt)
	}
	_, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT n FROM cells WHERE name='missing'"})
	wantErr(t, answer{err: err}, sqldb.ErrCorrupt)
}

func TestACorruptServerIsNeitherReadNorWrittenForAWhileAndSaysSo(t *testing.T) {
	t.Parallel()
	dir, logs := t.TempDir(), &lockedText{}
	primary := nodetest.MustStartPrimaryIn(t, dir)
	db := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL(), Logger: slog.New(slog.NewTextHandler(logs, nil))})
	mustDo(t, db, run("CREATE TABLE blobs(b BLOB)", "INSERT INTO blobs VALUES(randomblob(1000000))", "INSERT INTO blobs SELECT randomblob(100) FROM json_each('[1,2,3]')"))
	nodetest.Check(t, primary.Kill()) // stopping, it waits for its connections
	file := filepath.Join(dir, "dbs", "default", "data")
	mustExec(t, openRaw(t, file), "PRAGMA wal_checkpoint(TRUNCATE)")
	mustDamage(t, file)
	nodetest.Check(t, primary.Start(t.Context()))
	query := func(sql string) error {
		_, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: sql})
		return err
	}
	for what, do := range map[string]func() error{
		"what is not there":  func() error { return query("SELECT n FROM cells WHERE name='missing'") },
		"a write":            func() error { return receive(t, start(timeout(t), db, add("n", nil))).err },
		"whether it is read": func() error { return db.Ping(timeout(t)) },
	} {
		// Again, in case that ten seconds have passed.
		await.That(t, what+" is refused", func() bool {
			wantErr(t, answer{err: query("SELECT hex(b) FROM blobs")}, sqldb.ErrCorrupt)
			return errors.Is(do(), sqldb.ErrCorrupt)
		})
	}
	if !strings.Contains(logs.String(), "nothing is read from it or written to it for ten seconds, then it is tried again") {
		t.Errorf("the log does not say so:\n%s", logs)
	}
}

func TestAFileThatIsNoDatabaseIsNotOpened(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	if err := os.WriteFile(strings.TrimPrefix(url, "file:"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: url})
	wantErr(t, answer{err: err}, sqldb.ErrCorrupt)
}

func TestADatabaseThatMayOnlyBeReadSaysSoAndIsRead(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	db := open(t, sqldb.Config{PrimaryURL: url})
	mustDo(t, db, add("n", nil))
	mustDo(t, db, run("PRAGMA query_only=1")) // of the committer's connection
	for range 2 {
		wantErr(t, receive(t, start(timeout(t), db, add("n", nil))), sqldb.ErrReadOnly)
	}
	wantErr(t, answer{err: db.Writable(timeout(t))}, sqldb.ErrReadOnly)
	wantValue(t, db, "n", 1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: url + "?mode=ro"})
	wantErr(t, answer{err: err}, sqldb.ErrReadOnly)
}

func TestWhatIsTooBigIsRefusedAtOnceAndItsNeighboursCommit(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, url, tooBig string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		mustDo(t, db, run("CREATE TABLE blobs(b BLOB)"))
		release := blockCommitter(t, db)
		var neighbours []<-chan answer
		refused := start(timeout(t), db, run("INSERT INTO blobs VALUES("+tooBig+")"))
		waitPending(t, db, 1)
		for i := range 4 {
			neighbours = append(neighbours, start(timeout(t), db, add("n", nil)))
			waitPending(t, db, i+2)
		}
		release()
		wantErr(t, receive(t, refused), sqldb.ErrTooLarge)
		for _, answers := range neighbours {
			wantErr(t, receive(t, answers), nil)
		}
		wantValue(t, db, "n", 4)
	}
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, embeddedURL(t), "zeroblob(2000000000)") })
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		test(t, nodetest.MustStartPrimary(t).HTTPURL(), "zeroblob(6000000)")
	})
}

func TestALogThatCannotBeReadIsAnOutageAtOnce(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	db := open(t, sqldb.Config{PrimaryURL: url})
	mustDo(t, db, run("CREATE TABLE blobs(b BLOB)", "INSERT INTO blobs VALUES(randomblob(1000000))"))
	if err := os.Truncate(strings.TrimPrefix(url, "file:")+"-wal", 0); err != nil {
		t.Fatal(err)
	}
	_, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT hex(b) FROM blobs"})
	wantErr(t, answer{err: err}, sqldb.ErrUnavailable)
	if errors.Is(err, sqldb.ErrCorrupt) || !strings.Contains(err.Error(), "disk I/O error") {
		t.Errorf("got %v, want an I/O error", err)
	}
}
