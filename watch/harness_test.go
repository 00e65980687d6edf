package watch_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/watch"
)

// A database that tests open, more than once to stand for several nodes.
type database struct{ primary, replica string }

func embedded(t testing.TB) database {
	return database{primary: "file:" + filepath.Join(t.TempDir(), "keyval.db")}
}

func sqld(t testing.TB) (database, *nodetest.SqldPair) {
	t.Helper()
	pair := nodetest.MustStartSqldPair(t)
	return database{primary: pair.Primary.HTTPURL(), replica: pair.Replica.HTTPURL()}, pair
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
		d, _ := sqld(t)
		test(t, d)
	})
}

// A node is what one node has: a database of its own, a store and a hub.
type node struct {
	db    *sqldb.DB
	store *kv.Store
	hub   *watch.Hub
}

func (d database) node(t testing.TB, configure ...func(*watch.Config)) *node {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: d.primary, ReplicaURL: d.replica, SilentAfter: nodetest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	store := kv.New(db, kv.Config{})
	cfg := watch.Config{DB: db, Store: store}
	for _, f := range configure {
		f(&cfg)
	}
	n := &node{db: db, store: store, hub: watch.New(cfg)}
	t.Cleanup(func() {
		n.hub.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) commit(t testing.TB, mutations ...kv.Mutation) kv.Versionstamp {
	t.Helper()
	result, err := n.store.Atomic(within(t), kv.AtomicRequest{Mutations: mutations})
	if err != nil {
		t.Fatal(err)
	}
	return result.Versionstamp
}

// commitMuch sets key a to 0, returns the position of that, and sets 900 keys below b again
// and again: more than the window is filled with when the tailer starts, and than is read of
// the log while a stream is opened. Then it sets a to 1.
func (n *node) commitMuch(t testing.TB) (since kv.Versionstamp) {
	t.Helper()
	since = n.commit(t, set(key(t, "a"), "0"))
	var mutations []kv.Mutation
	for i := range 900 {
		mutations = append(mutations, set(key(t, "b", i), "1"))
	}
	for range 6 {
		n.commit(t, mutations...)
	}
	n.commit(t, set(key(t, "a"), "1"))
	return since
}

// execute runs a statement in a transaction of keyval's.
func execute(sql string) *sqldb.Op {
	return &sqldb.Op{Name: "test", InSQL: &sqldb.InSQL{
		Exec:    func(int) []sqldb.Stmt { return []sqldb.Stmt{{SQL: sql}} },
		Outcome: func(string, int) sqldb.Stmt { return sqldb.Stmt{SQL: "SELECT 1"} },
	}}
}

func (n *node) open(t testing.TB, req watch.Request) *watch.Stream {
	t.Helper()
	s, err := n.hub.Open(within(t), req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// next returns the next event, which must come.
func next(t testing.TB, s *watch.Stream) *watch.Event {
	t.Helper()
	e, err := s.Next(within(t), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if e == nil {
		t.Fatal("no event within a minute")
	}
	return e
}

// quiet fails if the stream has an event although it is level.
func quiet(t testing.TB, s *watch.Stream, n *node) {
	t.Helper()
	last := n.commit(t, set(key(t, "somewhere else"), "1"))
	for s.Passed() < last {
		e, err := s.Next(within(t), time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if e != nil {
			t.Fatalf("unexpected event %s with %v", e.Versionstamp, e.Entries)
		}
	}
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func key(t testing.TB, parts ...any) kv.Key {
	t.Helper()
	k, err := kv.NewKey(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func set(k kv.Key, value string) kv.Mutation {
	return kv.Mutation{Type: kv.MutationSet, Key: k, Value: []byte(value)}
}

func remove(k kv.Key) kv.Mutation { return kv.Mutation{Type: kv.MutationDelete, Key: k} }

// show is what an event says, for comparison: "a=1 b=null".
func show(e *watch.Event) string {
	text := ""
	for i, entry := range e.Entries {
		if i > 0 {
			text += " "
		}
		value := "gone"
		if entry.Exists() {
			value = string(entry.Value)
		}
		text += entry.Key.Path() + "=" + value
	}
	return text
}

// background runs f in the background and waits for it when the test ends.
func background(t testing.TB, f func()) {
	var group sync.WaitGroup
	group.Go(f)
	t.Cleanup(group.Wait)
}
