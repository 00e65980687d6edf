package search_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/node/nodetest"
)

// A database that tests open, more than once to stand for several nodes.
type database struct{ primary, replica string }

// onEachDatabase runs a test on an embedded database and on a real sqld
// primary with a replica.
func onEachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, database{primary: "file:" + filepath.Join(t.TempDir(), "keyval.db")})
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

// A node is what one has of the database.
type node struct {
	*search.Indexes
	store *kv.Store
	db    *sqldb.DB
}

// open opens the database as one more node would.
func (d database) open(t testing.TB) node {
	t.Helper()
	db, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: d.primary, ReplicaURL: d.replica, SilentAfter: nodetest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	indexes := search.New(db)
	search.Rest(indexes, 0)
	return node{indexes, kv.New(db, kv.Config{}), db}
}

func key(t interface {
	Helper()
	Fatal(...any)
}, parts ...any) kv.Key {
	t.Helper()
	k, err := kv.NewKey(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (n node) commit(t testing.TB, mutations ...kv.Mutation) {
	t.Helper()
	if _, err := n.store.Atomic(timeout(t), kv.AtomicRequest{Mutations: mutations}); err != nil {
		t.Fatal(err)
	}
}

func (n node) put(t testing.TB, value string, parts ...any) {
	t.Helper()
	n.commit(t, kv.Mutation{Type: kv.MutationSet, Key: key(t, parts...), Value: []byte(value)})
}

func (n node) delete(t testing.TB, parts ...any) {
	t.Helper()
	n.commit(t, kv.Mutation{Type: kv.MutationDelete, Key: key(t, parts...)})
}

// create makes an index of one field.
func (n node) create(t testing.TB, field string, prefix ...any) search.Index {
	t.Helper()
	x, _, err := n.Create(timeout(t), search.Definition{Prefix: key(t, prefix...), Fields: []string{field}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (n node) build(t testing.TB) {
	t.Helper()
	if err := n.Build(timeout(t), 0); err != nil {
		t.Fatal(err)
	}
}

func (n node) search(t testing.TB, q search.Query) []search.Match {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	found, _, err := n.Search(timeout(t), q, kv.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (n node) wantKeys(t testing.TB, q search.Query, want ...string) {
	t.Helper()
	var got []string
	for _, m := range n.search(t, q) {
		got = append(got, m.Key.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q finds %v, want %v", q.Text, got, want)
	}
}

// rows reads beside everything that is being tested.
func (n node) rows(t testing.TB, sql string, args ...any) []sqldb.Row {
	t.Helper()
	rows, err := n.db.Primary().QueryLarge(timeout(t), sqldb.Stmt{SQL: sql, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// wantNothingLeft looks for what dropped indexes may have left.
func (n node) wantNothingLeft(t testing.TB) {
	t.Helper()
	for _, row := range n.rows(t, `SELECT name FROM sqlite_master WHERE name LIKE 'keyval_search_________________%'`) {
		t.Errorf("there is still %s", row.Text(0))
	}
	if left := n.rows(t, `SELECT count(*) FROM keyval_search_docs`)[0].Integer(0); left > 0 {
		t.Errorf("there are still %d documents", left)
	}
	if left := n.rows(t, `SELECT count(*) FROM keyval_search_indexes`)[0].Integer(0); left > 0 {
		t.Errorf("there are still %d definitions", left)
	}
}

func timeout(t testing.TB) context.Context {
	if _, ok := t.(*testing.B); ok {
		return context.Background()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
