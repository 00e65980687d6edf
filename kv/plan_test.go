package kv_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// scansTable finds steps of a plan that read a table row by row. The rows of
// keyval_sequence and keyval_nodes are few, and s is one of them; json_each
// is the arguments.
var scansTable = regexp.MustCompile(`SCAN (e|c|i|kv_entries|keyval_changelog|keyval_idempotency|keyval_idempotency_parts)( |$)`)

func TestStatementsFindTheirRowsByIndex(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) string{
		"embedded": func(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "keyval.db") },
		"sqld":     func(t *testing.T) string { return nodetest.MustStartPrimary(t).HTTPURL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: open(t)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			for name, st := range kv.Statements() {
				rows, err := db.Primary().Query(t.Context(), sqldb.Stmt{SQL: "EXPLAIN QUERY PLAN " + st.SQL, Args: st.Args})
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				var plan []string
				for _, row := range rows {
					plan = append(plan, row.Text(3))
				}
				for _, step := range plan {
					if scansTable.MatchString(step) {
						t.Errorf("%s reads a whole table:\n%s", name, strings.Join(plan, "\n"))
						break
					}
				}
			}
		})
	}
}
