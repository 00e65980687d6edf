package filter_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
	"github.com/buntime/keyval/node/nodetest"
)

// now is the time of the statements.
const now = 1_700_000_000_000

// onEachEngine runs a test on the embedded engine and on a real sqld.
func onEachEngine(t *testing.T, test func(t *testing.T, db *sqldb.DB)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, nodetest.MustStartPrimary(t).HTTPURL()))
	})
}

func embedded(t testing.TB) *sqldb.DB {
	return open(t, "file:"+filepath.Join(t.TempDir(), "keyval.db"))
}

func open(t testing.TB, url string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), sqldb.Config{PrimaryURL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A failer is a test, or a property.
type failer interface{ Fatalf(string, ...any) }

func mustParse(t failer, where string) *filter.Filter {
	f, err := filter.Parse([]byte(where))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return f
}

// ask asks the database of each document whether it matches each filter, in one query.
func ask(t failer, db *sqldb.DB, documents []string, filters []*filter.Filter) [][]bool {
	args := []any{array(documents), int64(now)}
	columns := make([]string, len(filters))
	for i, f := range filters {
		sql, more := f.SQL("CAST(d.v AS TEXT)", "?2", len(args)+1)
		columns[i], args = sql, append(args, more...)
	}
	rows, err := db.Primary().Query(context.Background(), sqldb.Stmt{Args: args, SQL: fmt.Sprintf(
		"WITH d AS MATERIALIZED (SELECT j.key k,CAST(j.value AS BLOB) v FROM json_each(?1) j) SELECT %s FROM d WHERE ?2=?2 ORDER BY d.k", strings.Join(columns, ","))})
	if err != nil {
		t.Fatalf("%q: %v", documents, err)
	}
	answers := make([][]bool, len(rows))
	for i, row := range rows {
		for j := range filters {
			answers[i] = append(answers[i], row[j] == int64(1))
		}
	}
	return answers
}

// array is a JSON array of texts.
func array(texts []string) string {
	out := sqldb.JSON{'['}
	for i, text := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = sqldb.AppendString(out, []byte(text))
	}
	return string(append(out, ']'))
}

// agree fails unless Go and the database give the same answers.
func agree(t failer, db *sqldb.DB, documents []string, filters []*filter.Filter) {
	answers := ask(t, db, documents, filters)
	if len(answers) != len(documents) {
		t.Fatalf("%d answers for %d documents", len(answers), len(documents))
	}
	for i, document := range documents {
		for j, f := range filters {
			if got, want := f.Match([]byte(document), now), answers[i][j]; got != want {
				t.Fatalf("where %s of %s: Go says %v, SQL %v", f.Canonical(), document, got, want)
			}
		}
	}
}
