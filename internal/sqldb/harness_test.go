package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// What the proxy recognises: the batch that commits a group, the one that
// closes its number, and whatever takes the write lock.
var (
	commitBatch = []byte("incarnation=s.incarnation")
	closeBatch  = []byte("SET last_group=?2,txn=0")
)

// cells are the rows of the tests: named numbers with the versionstamp of
// their last change.
var cells = &sqldb.Table[cell]{
	Name: "cells",
	Fetch: func(keys []string) sqldb.Stmt {
		return sqldb.Stmt{SQL: `SELECT j.key,c.n,c.stamp FROM json_each(?) j CROSS JOIN cells c WHERE c.name=j.value`,
			Args: []any{sqldb.TextKeys(keys)}}
	},
	Scan: func(row sqldb.Row) (cell, error) { return cell{n: row.Integer(0), stamp: row.Text(1)}, nil },
	Guard: func(reads []sqldb.Held[cell]) sqldb.Stmt {
		return sqldb.GuardVersionstamps(sqldb.StaleSQL+`FROM json_each(?) j LEFT JOIN cells c ON c.name=j.value->>0
WHERE coalesce(c.stamp,'')<>j.value->>1 LIMIT 1`, reads, func(c *cell) string { return c.stamp })
	},
	Write: func(changes []sqldb.Change[cell]) []sqldb.Stmt {
		rows := sqldb.NewRows(`INSERT OR REPLACE INTO cells(name,n,stamp)
SELECT j.value->>0,j.value->>1,` + sqldb.StampSQL("j.value->>2") + ` FROM keyval_sequence s,json_each(?1) j WHERE ?2 IS NULL`)
		for _, c := range changes {
			rows.Add(c.Key, c.Row.n, c.Op)
		}
		return rows.Stmts()
	},
}

type cell struct {
	n     int64
	stamp string
}

// add adds one to a cell. *seen, if not nil, is what the cell became.
func add(name string, seen *int64) *sqldb.Op {
	return &sqldb.Op{
		Name:  "add",
		Reads: []sqldb.Ref{cells.Ref(name)},
		Apply: func(tx *sqldb.Tx) error {
			n := int64(1)
			if c := cells.Get(tx, name); c != nil {
				n += c.n
			}
			cells.Put(tx, name, cell{n: n})
			if seen != nil {
				*seen = n
			}
			return nil
		},
	}
}

// put writes a cell without looking at it.
func put(name string, n int64) *sqldb.Op {
	return &sqldb.Op{Name: "put", Apply: func(tx *sqldb.Tx) error {
		cells.Put(tx, name, cell{n: n})
		return nil
	}}
}

// run runs statements in a transaction.
func run(stmts ...string) *sqldb.Op {
	return &sqldb.Op{Name: "run", InSQL: &sqldb.InSQL{
		Exec: func(int) []sqldb.Stmt {
			var all []sqldb.Stmt
			for _, s := range stmts {
				all = append(all, sqldb.Stmt{SQL: s})
			}
			return all
		},
		Outcome: func(string, int) sqldb.Stmt { return sqldb.Stmt{SQL: "SELECT 1"} },
	}}
}

const createCells = `CREATE TABLE IF NOT EXISTS cells(name TEXT PRIMARY KEY, n INTEGER NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID`

// open opens a database for one test, with cells in it.
func open(t testing.TB, cfg sqldb.Config) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(timeout(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	mustDo(t, db, run(createCells))
	return db
}

// embeddedURL is that of a new embedded database.
func embeddedURL(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "keyval.db")
}

// behindProxy is a node whose way to the primary can be broken, and another
// that shows what the database really holds.
type behindProxy struct {
	primary *nodetest.Sqld
	proxy   *nodetest.FaultProxy
	db      *sqldb.DB // through the proxy
	direct  *sqldb.DB
}

func newBehindProxy(t *testing.T) *behindProxy {
	t.Helper()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
	b := &behindProxy{primary: primary, proxy: proxy}
	b.direct = open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	b.db = open(t, sqldb.Config{PrimaryURL: proxy.HTTPURL()})
	t.Cleanup(func() { _ = proxy.Heal() })
	return b
}

// value reads a cell beside everything that is being tested; 0 if missing.
func value(t *testing.T, db *sqldb.DB, name string) int64 {
	t.Helper()
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT n FROM cells WHERE name=?", Args: []any{name}})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		return 0
	}
	return rows[0].Integer(0)
}

func wantValue(t *testing.T, db *sqldb.DB, name string, want int64) {
	t.Helper()
	if got := value(t, db, name); got != want {
		t.Errorf("%s is %d, want %d", name, got, want)
	}
}

func mustDo(t testing.TB, db *sqldb.DB, op *sqldb.Op) sqldb.Commit {
	t.Helper()
	commit, err := db.Do(timeout(t), op)
	if err != nil {
		t.Fatalf("%s: %v", op.Name, err)
	}
	return commit
}

// answer is what Do returned.
type answer struct {
	commit sqldb.Commit
	err    error
}

// start hands an operation over and returns at once.
func start(ctx context.Context, db *sqldb.DB, op *sqldb.Op) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		commit, err := db.Do(ctx, op)
		answers <- answer{commit, err}
	}()
	return answers
}

func receive(t *testing.T, answers <-chan answer) answer {
	t.Helper()
	select {
	case a := <-answers:
		return a
	case <-time.After(2 * time.Minute):
		t.Fatal("no answer within two minutes")
		return answer{}
	}
}

func wantErr(t *testing.T, a answer, want error) {
	t.Helper()
	if !errors.Is(a.err, want) {
		t.Errorf("the answer is %v, want %v", a.err, want)
	}
}

// blockCommitter keeps the committer busy inside one group until release is
// called, so that what comes meanwhile makes up the next group.
func blockCommitter(t *testing.T, db *sqldb.DB) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	done := start(timeout(t), db, &sqldb.Op{Name: "block", Apply: func(*sqldb.Tx) error {
		close(begun)
		<-end
		return errBlock
	}})
	<-begun
	return func() {
		close(end)
		wantErr(t, receive(t, done), errBlock)
	}
}

var errBlock = errors.New("blocked long enough")

// pending waits until n operations wait for a group.
func waitPending(t *testing.T, db *sqldb.DB, n int) {
	t.Helper()
	await.That(t, fmt.Sprintf("%d operations wait", n), func() bool { return sqldb.Pending(db) == n })
}

func wait(t *testing.T, fault *nodetest.Fault) {
	t.Helper()
	if err := fault.Wait(timeout(t)); err != nil {
		t.Fatal(err)
	}
}

func timeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// openRaw opens an embedded database without keyval.
func openRaw(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "file:"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
