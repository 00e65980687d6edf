package watch_test

import (
	"context"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// logged is how many rows the change log has, and how many it is said to have.
func logged(t *testing.T, db *sqldb.DB) (rows, said int64, compacted string) {
	t.Helper()
	got, err := db.Primary().Query(t.Context(), sqldb.Stmt{
		SQL: `SELECT (SELECT count(*) FROM keyval_changelog),z.rows,s.compacted FROM keyval_changelog_size z,keyval_sequence s`})
	if err != nil {
		t.Fatal(err)
	}
	return got[0].Integer(0), got[0].Integer(1), got[0].Text(2)
}

func compactionDatabases(t *testing.T, test func(t *testing.T, db *sqldb.DB, s *kv.Store)) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		test(t, n.db, n.store)
	})
}

func write(t *testing.T, s *kv.Store, from, n int) kv.Versionstamp {
	t.Helper()
	var mutations []kv.Mutation
	for i := range n {
		k, err := kv.NewKey("k", from+i)
		if err != nil {
			t.Fatal(err)
		}
		mutations = append(mutations, kv.Mutation{Type: kv.MutationSet, Key: k, Value: []byte("1")})
	}
	result, err := s.Atomic(t.Context(), kv.AtomicRequest{Mutations: mutations})
	if err != nil {
		t.Fatal(err)
	}
	return result.Versionstamp
}

func TestTheRowLimitWinsOverTheAge(t *testing.T) {
	t.Parallel()
	compactionDatabases(t, func(t *testing.T, db *sqldb.DB, s *kv.Store) {
		var last kv.Versionstamp
		for i := range 5 {
			last = write(t, s, i, 700)
		}
		removed, err := watch.Compact(t.Context(), db, 0, time.Hour, 1400)
		if err != nil {
			t.Fatal(err)
		}
		rows, said, compacted := logged(t, db)
		if removed != 2100 || rows != 1400 || said != 1400 {
			t.Errorf("removed %d, left %d, said to be %d; want 2100, 1400, 1400", removed, rows, said)
		}
		if compacted == "" || compacted >= string(last) {
			t.Errorf("compacted up to %q, want something before %q", compacted, last)
		}
		for range 3 { // it stays right over many runs
			write(t, s, 0, 10)
			if _, err := watch.Compact(t.Context(), db, 0, time.Hour, 1000); err != nil {
				t.Fatal(err)
			}
			if rows, said, _ = logged(t, db); rows != said || rows > 1000 {
				t.Errorf("left %d, said to be %d; want the same, at most 1000", rows, said)
			}
		}
	})
}

func TestRowsAreRemovedWhenTheyAreOldEnough(t *testing.T) {
	t.Parallel()
	compactionDatabases(t, func(t *testing.T, db *sqldb.DB, s *kv.Store) {
		first := write(t, s, 0, 3)
		compact := func(retention time.Duration) int64 {
			removed, err := watch.Compact(t.Context(), db, 0, retention, 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			return removed
		}
		if removed := compact(time.Hour); removed != 0 {
			t.Errorf("removed %d young rows", removed)
		}
		// An hour passes after the mark of the first three, before anything else is written.
		if _, err := db.Do(t.Context(), execute("UPDATE keyval_changelog_marks SET time=time-3600000")); err != nil {
			t.Fatal(err)
		}
		write(t, s, 0, 5)
		if removed := compact(30 * time.Minute); removed != 3 {
			t.Errorf("removed %d rows, want the 3 that are older than half an hour", removed)
		}
		rows, _, compacted := logged(t, db)
		if rows != 5 || compacted != string(first) {
			t.Errorf("left %d, compacted up to %s; want 5 and %s", rows, compacted, first)
		}
	})
}

func TestACompactionThatFindsNothingNewWritesNothing(t *testing.T) {
	t.Parallel()
	compactionDatabases(t, func(t *testing.T, db *sqldb.DB, s *kv.Store) {
		write(t, s, 0, 3)
		var before sqldb.Position
		for i := range 3 {
			if _, err := watch.Compact(t.Context(), db, 0, time.Hour, 1000); err != nil {
				t.Fatal(err)
			}
			after, _ := db.Positions(t.Context())
			if i > 0 && after != before {
				t.Errorf("run %d moved the database from %s to %s", i, before, after)
			}
			before = after
		}
	})
}

func TestALeaderWhoseEpochIsOverCompactsNothing(t *testing.T) {
	t.Parallel()
	compactionDatabases(t, func(t *testing.T, db *sqldb.DB, s *kv.Store) {
		write(t, s, 0, 3)
		if _, err := watch.Compact(context.Background(), db, 7, 0, 0); err == nil {
			t.Error("a stale leader compacted the log")
		}
		if rows, _, compacted := logged(t, db); rows != 3 || compacted != "00000000000000000000" {
			t.Errorf("left %d rows, compacted up to %s; want 3 and nothing", rows, compacted)
		}
	})
}
