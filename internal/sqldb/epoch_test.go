package sqldb_test

import (
	"context"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

func TestALeadersOperationWithAnOldEpochChangesNothing(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	mustDo(t, db, run("UPDATE keyval_leader SET epoch=7"))
	for _, epoch := range []int64{6, 8} {
		stale := put("n", 1)
		stale.Epoch = epoch
		wantErr(t, receive(t, start(timeout(t), db, stale)), sqldb.ErrFenced)
	}
	wantValue(t, db, "n", 0)
	current := put("n", 2)
	current.Epoch = 7
	mustDo(t, db, current)
	wantValue(t, db, "n", 2)
	mustDo(t, db, run("DELETE FROM keyval_leader"))
	current = put("n", 3)
	current.Epoch = 7
	wantErr(t, receive(t, start(timeout(t), db, current)), sqldb.ErrFenced)
	wantValue(t, db, "n", 2)
}

func TestAFencedOperationDoesNotHoldUpItsGroup(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	release := blockCommitter(t, db)
	stale := put("n", 1)
	stale.Epoch = 99
	fenced, other := start(timeout(t), db, stale), start(timeout(t), db, put("m", 1))
	waitPending(t, db, 2)
	release()
	wantErr(t, receive(t, fenced), sqldb.ErrFenced)
	wantErr(t, receive(t, other), nil)
	wantValue(t, db, "n", 0)
	wantValue(t, db, "m", 1)
}

// The end of leadership does both at once: it cancels the leader's contexts,
// and its epoch is over.
func TestALeadersOperationMayBeCancelledAndFencedInOneGroup(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	release := blockCommitter(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	var cancelled <-chan answer
	var once sync.Once
	first := &sqldb.Op{Name: "first", Apply: func(*sqldb.Tx) error {
		once.Do(func() {
			cancel()
			wantErr(t, receive(t, cancelled), context.Canceled)
		})
		return nil
	}}
	answers := start(timeout(t), db, first)
	waitPending(t, db, 1)
	one, two := put("n", 1), put("n", 2)
	one.Epoch, two.Epoch = 99, 99
	cancelled = start(ctx, db, one)
	waitPending(t, db, 2)
	fenced := start(timeout(t), db, two)
	waitPending(t, db, 3)
	release()
	wantErr(t, receive(t, fenced), sqldb.ErrFenced)
	wantErr(t, receive(t, answers), nil)
	wantValue(t, db, "n", 0)
}
