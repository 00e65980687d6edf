package sqldb_test

import (
	"context"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

// heldAgain is the table of cells, of which the second reading waits.
func heldAgain() (_ *sqldb.Table[cell], reached, release chan struct{}) {
	table, readings := *cells, 0
	reached, release = make(chan struct{}), make(chan struct{})
	table.Fetch = func(keys []string) sqldb.Stmt {
		if readings++; readings == 2 {
			close(reached)
			<-release
		}
		return cells.Fetch(keys)
	}
	return &table, reached, release
}

// Nothing of an operation is under way while it waits for its group's next transaction.
func TestWhoLeavesBeforeTheNextTryIsNotInDoubtAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		neighbour *sqldb.Op
		says      string // the neighbour's error, "" for none
		putOff    bool
	}{
		"a neighbour is fenced":       {neighbour: &sqldb.Op{Name: "fenced", Epoch: 99}, says: "a newer leader"},
		"a neighbour is refused":      {neighbour: run("INSERT INTO no_such_table VALUES (1)"), says: "no_such_table"},
		"a neighbour finds no room":   {neighbour: run("PRAGMA max_page_count=1", "INSERT INTO cells VALUES('large',1,hex(randomblob(1000000)))"), says: "the disk of the database is full"},
		"it is put off":               {neighbour: add("m", nil), putOff: true},
		"another node is faster once": {neighbour: stale()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
			table, reached, release := heldAgain()
			putOff := c.putOff
			op := &sqldb.Op{Name: "one", Reads: []sqldb.Ref{table.Ref("n")}, Apply: func(tx *sqldb.Tx) error {
				if putOff {
					putOff = false
					return sqldb.ErrNextGroup
				}
				table.Put(tx, "n", cell{n: 1})
				return nil
			}}
			begin := blockCommitter(t, db)
			neighbour := start(timeout(t), db, c.neighbour)
			waitPending(t, db, 1)
			ctx, cancel := context.WithCancel(t.Context())
			leaves := start(ctx, db, op)
			waitPending(t, db, 2)
			begin()
			<-reached
			cancel()
			wantErr(t, receive(t, leaves), context.Canceled)
			close(release)
			if got := receive(t, neighbour).err; (got == nil) != (c.says == "") || got != nil && !strings.Contains(got.Error(), c.says) {
				t.Errorf("the neighbour's error is %v, want %q", got, c.says)
			}
			wantErr(t, receive(t, start(timeout(t), db, &sqldb.Op{Name: "last"})), nil)
			wantValue(t, db, "n", 0)
		})
	}
}

// stale is an operation that fails, as if a guard did, the first time.
func stale() *sqldb.Op {
	op, tries := run("SELECT 1"), 0
	exec := op.InSQL.Exec
	op.InSQL.Exec = func(n int) []sqldb.Stmt {
		if tries++; tries == 1 {
			return []sqldb.Stmt{{SQL: sqldb.StaleSQL}}
		}
		return exec(n)
	}
	return op
}
