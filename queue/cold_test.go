package queue_test

import (
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/queue"
)

// transactions is how many the database has had; each wakes all who watch it.
func (n *node) transactions() int64 {
	n.t.Helper()
	rows, err := n.db.Primary().Query(timeout(n.t), sqldb.Stmt{SQL: "SELECT txn FROM keyval_sequence"})
	must(n.t, err)
	return rows[0].Integer(0)
}

func TestADequeueOfAQueueThatTheNodeDoesNotKnowCommitsNothingUnlessThereIsSomething(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n, other := d.node(t, seldom), d.node(t, seldom)
		before := n.transactions()
		for _, name := range []string{"a", "b", "a"} {
			n.none(name)
			n.NotifyAll() // of something that is no message
		}
		if got := n.transactions() - before; got != 0 {
			t.Errorf("%d transactions were committed, want none", got)
		}
		other.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: "a"}, queue.Enqueue{Value: []byte(`2`), Queue: "c"})
		for _, name := range []string{"a", "c"} {
			if got := n.dequeue(queue.Dequeue{Queue: name}); len(got) != 1 {
				t.Errorf("delivered %d messages of %s, want 1", len(got), name)
			}
		}
	})
}
