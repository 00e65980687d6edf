package sqldb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

// An operation whose guard never holds pays for that alone.
func TestAnOperationThatNeverHoldsCostsItsNeighboursNothing(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	never := run(sqldb.StaleSQL + "WHERE true")
	release := blockCommitter(t, db)
	first := start(timeout(t), db, add("n", nil))
	waitPending(t, db, 1)
	refused := start(timeout(t), db, never)
	waitPending(t, db, 2)
	last := start(timeout(t), db, add("n", nil))
	waitPending(t, db, 3)
	release()
	wantErr(t, receive(t, first), nil)
	wantErr(t, receive(t, last), nil)
	wantErr(t, receive(t, refused), sqldb.ErrUnavailable)
	// Had the node taken its primary for unreachable, it would refuse all but one.
	release = blockCommitter(t, db)
	one, two := start(timeout(t), db, add("n", nil)), start(timeout(t), db, add("n", nil))
	waitPending(t, db, 2)
	release()
	wantErr(t, receive(t, one), nil)
	wantErr(t, receive(t, two), nil)
}

func TestAnOperationWhoseCallersTimeIsUpHasChangedNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	slow := put("slow", 1)
	slow.Locked = &sqldb.LockedRead{Stmts: []sqldb.Stmt{{SQL: "SELECT 'slow'"}}, Found: func([][]sqldb.Row) {}}
	held := b.proxy.HoldNextRequest([]byte("SELECT 'slow'"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := b.db.Do(ctx, slow); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want that its time is up", err)
	}
	held.Release()
	var n int64
	mustDo(t, b.db, add("slow", &n))
	if n != 1 {
		t.Errorf("the cell is %d after one addition, so the operation was carried out", n)
	}
}
