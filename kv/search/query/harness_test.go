package query_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

var tokenizers = []string{"unicode61", "porter", "ascii"}

// A table is an FTS5 table with a column for each field.
type table struct {
	db   *sql.DB
	name string
}

// openDB opens an empty database in memory.
func openDB(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// mustMakeTable makes a table with the documents, each a text for every column, whose rowids
// are their places from 1.
func mustMakeTable(t testing.TB, db *sql.DB, name, tokenizer string, columns int, documents ...[]string) table {
	t.Helper()
	names := make([]string, columns)
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	mustExec(t, db, fmt.Sprintf("CREATE VIRTUAL TABLE %s USING fts5(%s, tokenize='%s')",
		name, strings.Join(names, ", "), tokenizer))
	parameters := strings.Repeat(", ?", columns)
	for i, document := range documents {
		args := []any{i + 1}
		for _, text := range document {
			args = append(args, text)
		}
		mustExec(t, db, fmt.Sprintf("INSERT INTO %s (rowid, %s) VALUES (?%s)",
			name, strings.Join(names, ", "), parameters), args...)
	}
	return table{db, name}
}

func mustExec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// find returns the rowids of what matches, in their order.
func (f table) find(ctx context.Context, match string) (found []int, err error) {
	rows, err := f.db.QueryContext(ctx,
		"SELECT rowid FROM "+f.name+" WHERE "+f.name+" MATCH ? ORDER BY rowid", match)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		found = append(found, id)
	}
	return found, rows.Err()
}
