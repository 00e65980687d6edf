package sqldb_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// calls are what a database was asked, each with the texts of its statements.
type calls struct {
	mu  sync.Mutex
	all [][]string
}

func (c *calls) ask(database string, stmts []sqldb.Stmt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	texts := []string{database}
	for _, st := range stmts {
		texts = append(texts, st.SQL)
	}
	c.all = append(c.all, texts)
}

// have tells whether a call had these statements, perhaps among others.
func (c *calls) have(database string, texts ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.all, func(call []string) bool {
		return call[0] == database && !slices.ContainsFunc(texts, func(text string) bool { return !slices.Contains(call, text) })
	})
}

func TestWhoeverMeasuresIsToldWhatADatabaseIsAsked(t *testing.T) {
	t.Parallel()
	const look = "SELECT 1 AS asked"
	for name, c := range map[string]struct {
		url      func() string
		together bool // whether a transaction is one call
	}{
		"embedded": {func() string { return embeddedURL(t) }, false},
		"sqld":     {func() string { return nodetest.MustStartPrimary(t).HTTPURL() }, true},
	} {
		var asked calls
		db := open(t, sqldb.Config{PrimaryURL: c.url(), Asked: asked.ask})
		mustDo(t, db, put("a", 1))
		if _, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: look}); err != nil {
			t.Fatal(err)
		}
		if !asked.have("primary", look) {
			t.Errorf("%s: nothing is told of a read", name)
		}
		if !asked.have("primary", "BEGIN IMMEDIATE") || !asked.have("primary", "COMMIT") {
			t.Errorf("%s: nothing is told of a transaction", name)
		}
		if got := asked.have("primary", "BEGIN IMMEDIATE", "COMMIT"); got != c.together {
			t.Errorf("%s: a transaction is one call: %v, want %v", name, got, c.together)
		}
	}
}
