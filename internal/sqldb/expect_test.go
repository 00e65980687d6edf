package sqldb_test

import (
	"sync/atomic"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// watched is the table of cells, and how often it is read.
func watched() (*sqldb.Table[cell], *atomic.Int64) {
	table, fetched := *cells, new(atomic.Int64)
	table.Fetch = func(keys []string) sqldb.Stmt {
		fetched.Add(1)
		return cells.Fetch(keys)
	}
	return &table, fetched
}

// onEachDatabase runs a test on an embedded database, where rows are read under the
// lock, and on a real sqld, where they are read before it is taken.
func onEachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embeddedURL(t))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		test(t, nodetest.MustStartPrimary(t).HTTPURL())
	})
}

// double doubles a cell that is expected to be as given.
func double(table *sqldb.Table[cell], name string, expected cell, tries *int) *sqldb.Op {
	return &sqldb.Op{
		Name:   "double",
		Reads:  []sqldb.Ref{table.Ref(name)},
		Expect: table.Expect(name, expected),
		Apply: func(tx *sqldb.Tx) error {
			*tries++
			table.Put(tx, name, cell{n: 2 * table.Get(tx, name).n})
			return nil
		},
	}
}

func TestWhatIsAsExpectedIsNotReadAndWhatIsNotIsTriedAgain(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		table, fetched := watched()
		first := string(mustDo(t, db, put("n", 5)).Versionstamp())
		for _, c := range []struct {
			expected       cell
			tries, fetched int
			want           int64
		}{
			{cell{5, first}, 1, 0, 10},
			{cell{5, first}, 2, 1, 20}, // but it is 10 by now
		} {
			tries := 0
			fetched.Store(0)
			mustDo(t, db, double(table, "n", c.expected, &tries))
			wantValue(t, db, "n", c.want)
			if tries != c.tries || int(fetched.Load()) != c.fetched {
				t.Errorf("applied %d times, read %d times; want %d and %d", tries, fetched.Load(), c.tries, c.fetched)
			}
		}
	})
}

func TestWhatTwoExpectInOneGroupIsRead(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	table, fetched := watched()
	stamp := string(mustDo(t, db, put("n", 5)).Versionstamp())
	release := blockCommitter(t, db)
	tries := 0
	first := start(timeout(t), db, double(table, "n", cell{5, stamp}, &tries))
	second := start(timeout(t), db, double(table, "n", cell{6, "another"}, &tries))
	waitPending(t, db, 2)
	release()
	wantErr(t, receive(t, first), nil)
	wantErr(t, receive(t, second), nil)
	wantValue(t, db, "n", 20)
	if tries != 2 || fetched.Load() != 1 {
		t.Errorf("applied %d times, read %d times; want twice and once", tries, fetched.Load())
	}
}

func TestCompanyIsWaitedForNoLongerThanUntilItIsBack(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	release := blockCommitter(t, db)
	gathered, complete := sqldb.Await(db, 2)
	if complete {
		t.Error("two of none are there")
	}
	first := start(timeout(t), db, add("n", nil))
	waitPending(t, db, 1)
	select {
	case <-gathered:
		t.Error("one is taken for two")
	default:
	}
	second := start(timeout(t), db, add("n", nil))
	<-gathered
	if _, complete := sqldb.Await(db, 2); !complete {
		t.Error("two are there, and are waited for")
	}
	release()
	wantErr(t, receive(t, first), nil)
	wantErr(t, receive(t, second), nil)
}
