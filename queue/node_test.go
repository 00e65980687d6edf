package queue_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
)

// A database that tests open, more than once to stand for several nodes.
type database struct{ url string }

// onEachDatabase runs a test on an embedded database and on a real sqld, beside other
// tests.
func onEachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		test(t, database{nodetest.MustStartPrimary(t).HTTPURL()})
	})
}

func embedded(t testing.TB) database {
	return database{"file:" + filepath.Join(t.TempDir(), "keyval.db")}
}

// A node is one node's queue and store on a database.
type node struct {
	*queue.Queue
	t     testing.TB
	db    *sqldb.DB
	store *kv.Store
	stop  func()
}

// node opens the database as one more node would. It is closed with the test.
func (d database) node(t testing.TB, configure ...func(*queue.Config)) *node {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: d.url, SilentAfter: nodetest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	cfg := queue.Config{DB: db}
	for _, f := range configure {
		f(&cfg)
	}
	q, err := queue.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Queue: q, t: t, db: db, store: kv.New(db, kv.Config{})}
	n.stop = func() {
		q.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { n.stop() })
	return n
}

// enqueue enqueues messages in one operation and returns their ids.
func (n *node) enqueue(messages ...queue.Enqueue) []string {
	n.t.Helper()
	enqueued, _ := n.enqueueAll(messages...)
	ids := make([]string, len(enqueued))
	for i, e := range enqueued {
		ids[i] = e.ID
	}
	return ids
}

func (n *node) enqueueAll(messages ...queue.Enqueue) ([]queue.Enqueued, kv.Versionstamp) {
	n.t.Helper()
	part, err := n.NewPart(messages)
	if err != nil {
		n.t.Fatal(err)
	}
	result, err := n.store.Atomic(timeout(n.t), kv.AtomicRequest{Parts: []sqldb.Part{part}})
	if err != nil {
		n.t.Fatal(err)
	}
	return part.Enqueued(), result.Versionstamp
}

// dequeue takes what is ready.
func (n *node) dequeue(r queue.Dequeue) []queue.Message {
	n.t.Helper()
	messages, err := n.Dequeue(timeout(n.t), r)
	if err != nil {
		n.t.Fatal(err)
	}
	return messages
}

// one takes exactly one message, waiting for it.
func (n *node) one(name string) queue.Message {
	n.t.Helper()
	messages := n.dequeue(queue.Dequeue{Queue: name, Wait: queue.MaxWait})
	if len(messages) != 1 {
		n.t.Fatalf("got %d messages, want 1", len(messages))
	}
	return messages[0]
}

// none checks that nothing is ready.
func (n *node) none(name string) {
	n.t.Helper()
	if messages := n.dequeue(queue.Dequeue{Queue: name}); len(messages) != 0 {
		n.t.Fatalf("got message %s, want none", messages[0].Value)
	}
}

// ackAll acks messages at the same time.
func (n *node) ackAll(messages []queue.Message) {
	n.t.Helper()
	var all sync.WaitGroup
	for _, m := range messages {
		all.Go(func() {
			if err := n.Ack(timeout(n.t), nil, m.ID, m.Receipt); err != nil {
				n.t.Errorf("ack: %v", err)
			}
		})
	}
	all.Wait()
}

func (n *node) stats(name string) queue.Counts {
	n.t.Helper()
	stats, err := n.Stats(timeout(n.t))
	if err != nil {
		n.t.Fatal(err)
	}
	c := stats.Queues[name]
	c.OldestReady = 0
	return c
}

// A listener is a Listener whose messages a test fetches.
type listener struct {
	*queue.Listener
	t testing.TB
}

// listen opens a listener, which is closed with the test.
func (n *node) listen(l queue.Listen) *listener {
	n.t.Helper()
	opened, err := n.Listen(l)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = opened.Close(context.Background()) })
	return &listener{opened, n.t}
}

// next waits for the next message.
func (l *listener) next() queue.Message {
	l.t.Helper()
	deadline := time.After(time.Minute)
	for {
		if m, ok := l.Next(); ok {
			return m
		}
		select {
		case <-l.Ready():
		case <-deadline:
			l.t.Fatal("no message came within a minute")
		}
	}
}

// nothing checks that no message has come.
func (l *listener) nothing() {
	l.t.Helper()
	if m, ok := l.Next(); ok {
		l.t.Errorf("got message %s, want none", m.Value)
	}
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// timeout is a context for one operation.
func timeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// message is one with a value.
func message(value string) queue.Enqueue { return queue.Enqueue{Value: []byte(value)} }

// values are the messages' values, in order.
func values(messages []queue.Message) []string {
	found := []string{}
	for _, m := range messages {
		found = append(found, string(m.Value))
	}
	return found
}

// change runs statements in a transaction, as something of another node would.
func (n *node) change(sql string, args ...any) {
	n.t.Helper()
	_, err := n.db.Do(timeout(n.t), &sqldb.Op{Name: "test", InSQL: &sqldb.InSQL{
		Exec:    func(int) []sqldb.Stmt { return []sqldb.Stmt{{SQL: sql, Args: args}} },
		Outcome: func(string, int) sqldb.Stmt { return sqldb.Stmt{SQL: "SELECT 1"} },
	}})
	must(n.t, err)
}

// endLocks ends the locks of all that is out.
func (n *node) endLocks() {
	n.t.Helper()
	n.change("UPDATE kv_queue SET locked_until=1 WHERE locked_until IS NOT NULL")
}

func (n *node) sweep() int {
	n.t.Helper()
	swept, err := n.ReclaimLocks(timeout(n.t), 0)
	must(n.t, err)
	return swept
}

func (n *node) wantCounts(want queue.Counts) {
	n.t.Helper()
	if got := n.stats("default"); got != want {
		n.t.Errorf("counts are %+v, want %+v", got, want)
	}
}

// get reads an entry.
func (n *node) get(key kv.Key) kv.Entry {
	n.t.Helper()
	found, _, err := n.store.Get(timeout(n.t), []kv.Key{key}, kv.ReadOptions{Consistency: kv.Strong})
	must(n.t, err)
	return found[0]
}

func (n *node) deadLetters(list queue.DeadLetterList) []queue.DeadLetter {
	n.t.Helper()
	if list.Limit == 0 {
		list.Limit = 100
	}
	letters, _, err := n.DeadLetters(timeout(n.t), list)
	must(n.t, err)
	return letters
}

func mustKey(t testing.TB, parts ...any) kv.Key {
	t.Helper()
	k, err := kv.NewKey(parts...)
	must(t, err)
	return k
}
