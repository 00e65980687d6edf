package kv_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

func expiring(key kv.Key, in int64) kv.Mutation {
	m := set(key, `1`)
	m.ExpireIn = in
	return m
}

// position is how far the database is.
func position(t *testing.T, s *kv.Store) kv.Versionstamp {
	t.Helper()
	_, at, err := s.Get(timeout(t), nil, kv.ReadOptions{Consistency: kv.Strong})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func mustRead(t *testing.T, s *kv.Store, req kv.TransactionRequest) kv.TransactionResult {
	t.Helper()
	r, err := s.Transaction(timeout(t), req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestATransactionThatOnlyReadsWritesNothingHoweverMuchHasExpired(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		prefix, kept := mustKey(t, "p"), mustKey(t, "p", "kept")
		var mutations []kv.Mutation
		for i := range 999 {
			mutations = append(mutations, expiring(mustKey(t, "p", i), leap/2))
		}
		mustCommit(t, s, append(mutations, set(kept, `1`))...)
		leapAhead(t, db)
		if err := db.NoteTime(timeout(t)); err != nil { // as a commit does once a second
			t.Fatal(err)
		}
		before := position(t, s)
		for _, reads := range [][]kv.Read{
			{{Key: mustKey(t, "p", 1)}, {Key: kept}},
			{{Key: kept}, {List: &kv.Selector{Range: kv.PrefixRange(prefix), Limit: 10}}},
		} {
			for _, snapshot := range []kv.Versionstamp{"", before} {
				r := mustRead(t, s, kv.TransactionRequest{Reads: reads, Snapshot: snapshot})
				if !r.OK || len(r.Reads[1]) != 1 || r.Reads[1][0].Key != kept {
					t.Errorf("on %q: %v, want only what has not expired", snapshot, r)
				}
			}
		}
		if after := position(t, s); after != before {
			t.Errorf("the database has gone on from %s to %s", before, after)
		}
	})
}

// A snapshot does not tell at which time it was read. Had the entry expired before or
// after? One of the two is told that it may have changed, and the next one is not.
func TestWhatMayHaveExpiredBeforeTheSnapshotIsAConflictOnlyOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		lease := mustKey(t, "p", "lease")
		mustCommit(t, s, expiring(lease, 1))
		await.That(t, "the lease expires", func() bool {
			return !mustGet(t, s, lease, kv.ReadOptions{Consistency: kv.Strong}).Exists()
		})
		for _, reads := range [][]kv.Read{{{Key: lease}}, {{List: &kv.Selector{Range: kv.PrefixRange(mustKey(t, "p")), Limit: 10}}}} {
			conflicts := 0
			commit := func() bool {
				snapshot := mustRead(t, s, kv.TransactionRequest{Reads: reads}).Versionstamp
				r := mustRead(t, s, kv.TransactionRequest{Reads: reads, Snapshot: snapshot,
					AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "x"), `1`)}}})
				return r.OK
			}
			for !commit() {
				if conflicts++; conflicts > 1 {
					t.Fatal("it is a conflict again and again")
				}
			}
		}
	})
}

// Nobody has to repeat anything while entries expire all the time under what a
// transaction reads.
func TestEntriesThatExpireAllTheTimeHoldUpNobody(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: embedded(t).primary, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := kv.New(db, kv.Config{})
	all := kv.Selector{Range: kv.PrefixRange(mustKey(t, "p")), Limit: 1000}
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for i := range 50 {
				key := mustKey(t, "p", c, i)
				mustCommit(t, s, expiring(key, int64(1+i%20)), set(mustKey(t, "elsewhere", c), `1`))
				r, err := s.Transaction(timeout(t), kv.TransactionRequest{
					Reads:         []kv.Read{{Key: key}, {List: &all}},
					AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(t, "seen", c), `1`)}}})
				if err != nil || !r.OK {
					t.Errorf("%+v, %v", r, err)
				}
			}
		})
	}
	clients.Wait()
	if n := metric(t, registry, "keyval_commit_retries_total"); n != 0 {
		t.Errorf("groups were tried again %v times", n)
	}
}

func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// More has happened since the snapshot than can be looked through under the lock.
func TestALongLogIsComparedWithTheSnapshotBeforeTheLockIsTaken(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	inside := mustKey(t, "p", "inside")
	snapshot := mustCommit(t, s, set(inside, `1`))
	for i := range 6 {
		var many []kv.Mutation
		for n := range 1000 {
			many = append(many, set(mustKey(t, "q", i, n), `1`))
		}
		mustCommit(t, s, many...)
	}
	commit := kv.TransactionRequest{Reads: []kv.Read{{List: &kv.Selector{Range: kv.PrefixRange(mustKey(t, "p")), Limit: 10}}},
		Snapshot: snapshot, AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(inside, `2`)}}}
	r := mustRead(t, s, commit)
	if !r.OK || fmt.Sprint(r.Reads) != fmt.Sprint([][]kv.Entry{{{Key: inside, Value: []byte(`1`), Versionstamp: snapshot}}}) {
		t.Errorf("got %+v, want a commit", r)
	}
	again := mustRead(t, s, commit)
	if want := (kv.Check{Key: inside, Versionstamp: r.Versionstamp}); again.OK || len(again.Conflicts) != 1 || again.Conflicts[0] != want {
		t.Errorf("got %+v, want a conflict with %v", again, want)
	}
}
