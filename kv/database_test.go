package kv_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// A database that tests open, more than once to stand for several nodes.
type database struct {
	primary, replica string
}

// onEachDatabase runs a test on an embedded database and on a real sqld
// primary with a replica.
func onEachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		pair, err := nodetest.StartSqldPair(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pair.Close() })
		test(t, database{primary: pair.Primary.HTTPURL(), replica: pair.Replica.HTTPURL()})
	})
}

func embedded(t testing.TB) database {
	return database{primary: "file:" + filepath.Join(t.TempDir(), "keyval.db")}
}

func (d database) embedded() bool { return strings.HasPrefix(d.primary, "file:") }

// open opens the database as one more node would.
func (d database) open(t *testing.T) (*kv.Store, *sqldb.DB) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: d.primary, ReplicaURL: d.replica, SilentAfter: nodetest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return kv.New(db, kv.Config{}), db
}

func (d database) store(t *testing.T) *kv.Store {
	t.Helper()
	s, _ := d.open(t)
	return s
}

// check is rapid.Check with fewer runs than its hundred.
func check(t *testing.T, runs int, property func(*rapid.T)) {
	t.Helper()
	ran, failing := 0, false
	rapid.Check(t, func(rt *rapid.T) {
		if ran++; ran > runs && !failing {
			return
		}
		finished := false
		defer func() { failing = failing || !finished }() // rapid goes on, to find a shorter one
		property(rt)
		finished = !rt.Failed()
	})
}

// mustKey makes a key of parts.
func mustKey(t testing.TB, parts ...any) kv.Key {
	t.Helper()
	k, err := kv.NewKey(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func set(key kv.Key, value string) kv.Mutation {
	return kv.Mutation{Type: kv.MutationSet, Key: key, Value: []byte(value)}
}

// mustCommit carries out mutations and returns their versionstamp.
func mustCommit(t testing.TB, s *kv.Store, mutations ...kv.Mutation) kv.Versionstamp {
	t.Helper()
	result, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: mutations})
	if err != nil {
		t.Fatal(err)
	}
	if !result.OK {
		t.Fatalf("conflicts: %v", result.Conflicts)
	}
	return result.Versionstamp
}

// mustGet reads one entry.
func mustGet(t testing.TB, s *kv.Store, key kv.Key, opts ...kv.ReadOptions) kv.Entry {
	t.Helper()
	var o kv.ReadOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	found, _, err := s.Get(timeout(t), []kv.Key{key}, o)
	if err != nil {
		t.Fatal(err)
	}
	return found[0]
}

func mustList(t testing.TB, s *kv.Store, sel kv.Selector) kv.Page {
	t.Helper()
	if sel.Limit == 0 {
		sel.Limit = 100
	}
	page, err := s.List(timeout(t), sel, kv.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// timeout is a context for one operation.
func timeout(t testing.TB) context.Context {
	if _, ok := t.(*testing.B); ok {
		return context.Background()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// leap is how far leapAhead moves the database's clock, in milliseconds.
const leap = 7_200_000

// leapAhead moves the database's clock and returns the commit.
func leapAhead(t testing.TB, db *sqldb.DB) kv.Versionstamp {
	t.Helper()
	return mustExecute(t, db, fmt.Sprintf("UPDATE keyval_sequence SET time=time+%d", leap))
}

// mustExecute does to the database what no operation does, and returns the commit.
func mustExecute(t testing.TB, db *sqldb.DB, stmts ...string) kv.Versionstamp {
	t.Helper()
	commit, err := db.Do(timeout(t), execute(stmts...))
	if err != nil {
		t.Fatal(err)
	}
	return kv.Versionstamp(commit.Versionstamp())
}
