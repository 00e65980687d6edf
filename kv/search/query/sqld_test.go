package query_test

import (
	"database/sql"
	"testing"

	_ "github.com/tursodatabase/libsql-client-go/libsql"

	"github.com/buntime/keyval/node/nodetest"
)

// sqld's FTS5 is older than the embedded one.
func TestWhatIsCompiledRunsOnSqld(t *testing.T) {
	t.Parallel()
	db := mustOpenSqld(t)
	var tables []table
	for _, tokenizer := range tokenizers {
		tables = append(tables, mustMakeTable(t, db, "f_"+tokenizer, tokenizer, len(fuzzFields),
			[]string{"the quick brown fox", "a b c d", "x"}))
	}
	for _, nested := range nestings {
		match, _ := mustCompileDeepest(t, nested.left, nested.right)
		mustRun(t, tables, match)
	}
	for _, text := range seeds() {
		if match, ok := mustBeSafe(t, text); ok {
			mustRun(t, tables, match)
		}
	}
}

func mustOpenSqld(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("libsql", nodetest.MustStartPrimary(t).HTTPURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func mustRun(t *testing.T, tables []table, match string) {
	t.Helper()
	for _, table := range tables {
		if _, err := table.find(t.Context(), match); err != nil {
			t.Errorf("%s on %s: %v", match, table.name, err)
		}
	}
}
