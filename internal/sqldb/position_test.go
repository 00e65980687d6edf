package sqldb_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

func TestTheTransactionsTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	before := mustDo(t, db, put("n", 1))
	if age := time.Since(time.UnixMilli(before.Time)).Abs(); age > time.Minute {
		t.Fatalf("the transaction's time is %v away from the clock", age)
	}
	// The clock was an hour ahead, and has been set right.
	ahead := before.Time + 3_600_000
	mustDo(t, db, run(fmt.Sprintf("UPDATE keyval_sequence SET time=%d", ahead)))
	if after := mustDo(t, db, put("n", 2)); after.Time != ahead {
		t.Errorf("a transaction's time is %d, want the last one's %d", after.Time, ahead)
	}
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT " + sqldb.NowSQL + " FROM keyval_sequence s"})
	if err != nil || rows[0].Integer(0) != ahead {
		t.Errorf("readers go by %v, %v; want %d", rows, err, ahead)
	}
}

func TestTheFloorIsWhatThisNodeHasAnsweredAndNothingElse(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	one, two := open(t, sqldb.Config{PrimaryURL: url}), open(t, sqldb.Config{PrimaryURL: url})
	own := mustDo(t, one, put("n", 1)).Versionstamp()
	others := mustDo(t, two, put("n", 2)).Versionstamp()
	if got := sqldb.Floor(one); got != own {
		t.Errorf("the floor is %s, want this node's own commit %s", got, own)
	}
	one.Answered(others)
	one.Answered(own)
	if got := sqldb.Floor(one); got != others {
		t.Errorf("after reading %s the floor is %s", others, got)
	}
}

func TestADatabaseThatHasGoneBackIsNotWritten(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	// The writer has seen the newest position by its own commit, the reader
	// only in an answer.
	writer, reader, fresh := open(t, sqldb.Config{PrimaryURL: url}), open(t, sqldb.Config{PrimaryURL: url}), open(t, sqldb.Config{PrimaryURL: url})
	reader.Answered(mustDo(t, writer, put("n", 1)).Versionstamp())
	raw := openRaw(t, url)
	mustExec(t, raw, "UPDATE keyval_sequence SET txn=txn-1")
	for name, db := range map[string]*sqldb.DB{"writer": writer, "reader": reader} {
		a := receive(t, start(timeout(t), db, put("n", 2)))
		if !errors.Is(a.err, sqldb.ErrRestored) || !errors.Is(a.err, sqldb.ErrUnavailable) {
			t.Errorf("%s: the answer is %v, want ErrRestored", name, a.err)
		}
		if a.err != nil && !strings.Contains(a.err.Error(), "keyval incarnation raise") {
			t.Errorf("%s: the error does not name the command: %v", name, a.err)
		}
	}
	wantValue(t, fresh, "n", 1)
	mustExec(t, raw, "UPDATE keyval_sequence SET incarnation=incarnation+1")
	mustDo(t, writer, put("n", 3))
	mustDo(t, reader, put("m", 3))
	wantValue(t, fresh, "n", 3)
}

func TestARestoredPrimaryIsNotWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "primary")
	primary, err := nodetest.StartPrimary(timeout(t), dir)
	nodetest.Check(t, err)
	t.Cleanup(func() { _ = primary.Close() })
	db := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	mustDo(t, db, put("n", 1))
	restart := func(meanwhile func()) {
		t.Helper()
		if err := primary.Kill(); err != nil {
			t.Fatal(err)
		}
		meanwhile()
		if err := primary.Start(timeout(t)); err != nil {
			t.Fatal(err)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup")
	restart(func() {
		if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	})
	mustDo(t, db, put("n", 2))
	restart(func() {
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))); err != nil {
			t.Fatal(err)
		}
	})
	wantErr(t, receive(t, start(timeout(t), db, put("n", 3))), sqldb.ErrRestored)
	wantValue(t, db, "n", 1)
	if _, err := primary.Query(timeout(t), "UPDATE keyval_sequence SET incarnation=incarnation+1"); err != nil {
		t.Fatal(err)
	}
	mustDo(t, db, put("n", 4))
	wantValue(t, db, "n", 4)
}

// Each guard that finds nothing to hold on to must fail the transaction: a
// step that matches no row has succeeded.
func TestAGuardThatDoesNotHoldFailsTheTransaction(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	mustDo(t, b.db, put("n", 1))
	mustDo(t, b.db, run("UPDATE keyval_leader SET epoch=1"))
	seen := b.proxy.NoteNextRequest(commitBatch)
	mustDo(t, b.db, onNewStream(b.db, &sqldb.Op{Name: "read", Epoch: 1, Reads: []sqldb.Ref{cells.Ref("n")}, Apply: func(tx *sqldb.Tx) error {
		cells.Put(tx, "n", cell{n: 100})
		return nil
	}}))
	wait(t, seen)
	replay := func(reason string) {
		t.Helper()
		if _, err := b.primary.Query(timeout(t), "UPDATE cells SET n=1"); err != nil {
			t.Fatal(err)
		}
		_, body, err := b.proxy.Send(timeout(t), seen.Request())
		if err != nil {
			t.Fatal(err)
		}
		wantGuard(t, body, reason)
		if got := value(t, b.direct, "n"); got > 1 {
			t.Errorf("after %s n is %d", reason, got)
		}
	}
	sql := func(stmt string) {
		t.Helper()
		if _, err := b.primary.Query(timeout(t), stmt); err != nil {
			t.Fatal(err)
		}
	}
	// As if every group before it had been closed and it were its turn again.
	replay("lost_group")
	sql("UPDATE keyval_nodes SET last_group=last_group-1")
	sql("UPDATE keyval_sequence SET txn=0")
	replay("restored")
	sql("UPDATE keyval_sequence SET txn=1000")
	sql("UPDATE keyval_leader SET epoch=2")
	replay("fenced")
	sql("DELETE FROM keyval_leader")
	replay("fenced")
	sql("INSERT INTO keyval_leader VALUES (1,1,'')")
	replay("stale_read")
	sql("DELETE FROM cells")
	replay("stale_read")
	sql("DELETE FROM keyval_nodes")
	replay("lost_group")
}
