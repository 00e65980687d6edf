package queue

import (
	"slices"

	"github.com/buntime/keyval/internal/sqldb"
)

// Names are the queues that a caller may reach; nil is every queue, an empty list none.
// An operation that goes by an id takes them: what has the id in another queue is for it
// as if it were not there. An operation that goes by a queue's name does not, because
// it touches nothing of another queue.
type Names []string

// Holds tells whether a queue is one of them.
func (n Names) Holds(name string) bool { return n == nil || slices.Contains(n, name) }

// cell is them as a statement's argument: an array, or NULL for every queue.
func (n Names) cell() any {
	if n == nil {
		return nil
	}
	return sqldb.TextKeys(n)
}
