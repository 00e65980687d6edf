package sqldb_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// The original server's tables.
var originalTables = []string{
	"CREATE TABLE kv_entries (key BLOB PRIMARY KEY, value BLOB NOT NULL, versionstamp TEXT NOT NULL, expires_at INTEGER)",
	"CREATE TABLE kv_queue (id TEXT PRIMARY KEY, value BLOB NOT NULL)",
	"CREATE TABLE kv_dlq (id TEXT PRIMARY KEY, value BLOB NOT NULL)",
}

func TestNodesThatStartTogetherMigrateOnceAndLoseNothing(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, url string) {
		var nodes sync.WaitGroup
		for i := range 8 {
			nodes.Go(func() {
				db, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: url})
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = db.Close() }()
				// The first ones write while the others still migrate.
				key := fmt.Sprintf("%02x", i)
				if _, err := db.Do(timeout(t), run("INSERT INTO kv_entries VALUES (x'"+key+"',x'30','0',NULL,0)")); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		db, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: url})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT count(*),(SELECT count(*) FROM keyval_migrations),(SELECT count(*) FROM keyval_sequence) FROM kv_entries"})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(rows[0]); got != fmt.Sprint(sqldb.Row{int64(8), rows[0][1], int64(1)}) {
			t.Errorf("entries, migrations, sequences: %v; want 8 entries and 1 sequence", rows[0])
		}
	}
	for i := range 5 {
		t.Run(fmt.Sprint("embedded", i), func(t *testing.T) {
			t.Parallel()
			test(t, embeddedURL(t))
		})
	}
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		test(t, nodetest.MustStartPrimary(t).HTTPURL())
	})
}

func TestANodeThatStartsLateDoesNotTakeAnothersNewTablesForTheOriginals(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
	proxy.NoteNextRequest(nil) // it sees an empty database
	held := proxy.HoldNextRequest(nil)
	opened := make(chan error, 1)
	go func() {
		db, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: proxy.HTTPURL()})
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	wait(t, held)
	early := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	held.Release()
	if err := <-opened; err != nil {
		t.Error(err)
	}
	mustDo(t, early, run("INSERT INTO kv_entries VALUES (x'01',x'30','0',NULL,0)"))
}

func TestTheOriginalServersDataIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"kv_entries", "kv_queue", "kv_dlq"} {
		url := embeddedURL(t)
		raw := openRaw(t, url)
		mustExec(t, raw, originalTables...)
		columns := "(id,value) VALUES ('1',x'01')"
		if table == "kv_entries" {
			columns = "(key,value,versionstamp) VALUES (x'01',x'01','1')"
		}
		mustExec(t, raw, "INSERT INTO "+table+columns)
		_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: url})
		wantErr(t, answer{err: err}, sqldb.ErrForeignDatabase)
		var rows, tables int
		if err := raw.QueryRow("SELECT count(*) FROM " + table).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("%s has %d rows, %v; want 1", table, rows, err)
		}
		if err := raw.QueryRow("SELECT count(*) FROM sqlite_master WHERE type='table'").Scan(&tables); err != nil || tables != 3 {
			t.Errorf("there are %d tables, %v; want the original's 3", tables, err)
		}
	}
}

func TestEmptyTablesOfTheOriginalServerAreReplaced(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	raw := openRaw(t, url)
	mustExec(t, raw, originalTables...)
	db := open(t, sqldb.Config{PrimaryURL: url})
	mustDo(t, db, run("INSERT INTO kv_entries(key,value,versionstamp,encoding) VALUES (x'01',x'30','0',0)"))
	mustDo(t, db, add("n", nil))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, sqldb.Config{PrimaryURL: url}) // with rows, but now they are ours
	wantValue(t, db, "n", 1)
}

func TestANewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	db := open(t, sqldb.Config{PrimaryURL: url})
	mustDo(t, db, run("INSERT INTO keyval_migrations VALUES (9999,0)"))
	_, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: url})
	wantErr(t, answer{err: err}, sqldb.ErrNewerSchema)
}
