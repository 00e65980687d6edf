package gate_test

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/buntime/keyval/internal/sqldb"
)

// asked is what a request has the database do.
type asked struct {
	// texts are the statements, BEGIN and COMMIT included; those that travel together are
	// one call. A file is asked one by one.
	texts []string
	calls int
}

func (a asked) statements() int { return len(a.texts) }

// transactions are those that were begun, whatever became of them.
func (a asked) transactions() (n int) {
	for _, text := range a.texts {
		if strings.HasPrefix(text, "BEGIN") {
			n++
		}
	}
	return n
}

// A tally notes what a database is asked.
type tally struct {
	mu    sync.Mutex
	asked asked
}

// ask is sqldb.Config.Asked.
func (c *tally) ask(_ string, stmts []sqldb.Stmt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked.calls++
	for _, st := range stmts {
		if !notesTime(st.SQL) {
			c.asked.texts = append(c.asked.texts, st.SQL)
		}
	}
}

// notesTime tells whether a statement is among those that one transaction of a second has
// more than the others.
func notesTime(text string) bool {
	return strings.HasPrefix(text, "INSERT OR REPLACE INTO keyval_times") || strings.HasPrefix(text, "DELETE FROM keyval_times")
}

// take is what was asked since the last time.
func (c *tally) take() asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.asked
	c.asked = asked{}
	return taken
}

// statements is what an operation asks, the median of several times: what the node does for
// itself may fall into some of them.
func (c *tally) statements(s *server, op operation) asked {
	s.t.Helper()
	const times = 11
	all := make([]asked, 0, times)
	for _, r := range op.prepare(s, times) {
		all = append(all, c.count(s, r))
	}
	slices.SortStableFunc(all, func(a, b asked) int { return cmp.Compare(a.statements(), b.statements()) })
	return all[len(all)/2]
}

func (c *tally) count(s *server, r *http.Request) asked {
	c.take()
	s.serve(newAnswer(), r)
	return c.take()
}
