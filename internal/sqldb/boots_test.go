package sqldb_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// manyBoots adds the rows that a week of restarts leaves.
const manyBoots = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<10000)
INSERT INTO keyval_nodes SELECT 'boot-'||n.i,n.i,s.incarnation,n.i,s.time-60000-n.i FROM n,keyval_sequence s`

func TestACommitLooksAtNoBootsButThoseThatWrite(t *testing.T) {
	t.Parallel()
	db, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: "file:" + filepath.Join(t.TempDir(), "keyval.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	mustDo(t, db, run(manyBoots))
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "EXPLAIN QUERY PLAN SELECT " + sqldb.OthersSQL + " FROM keyval_sequence", Args: []any{int64(0), "boot"}})
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for _, row := range rows {
		plan.WriteString(row.Text(3) + "\n")
	}
	if !strings.Contains(plan.String(), "SEARCH n USING COVERING INDEX keyval_nodes_by_time (time>?)") {
		t.Errorf("the other nodes are counted so:\n%s", plan.String())
	}
}

// Commits one after the other, beside no boots of the past and beside 10,000.
func BenchmarkCommitAfterManyBoots(b *testing.B) {
	for _, database := range []string{"embedded", "sqld"} {
		for _, boots := range []string{"1", "10000"} {
			b.Run(database+"/boots="+boots, func(b *testing.B) {
				url := "file:" + filepath.Join(b.TempDir(), "keyval.db")
				if database == "sqld" {
					url = nodetest.MustStartPrimary(b).HTTPURL()
				}
				db, err := sqldb.Open(b.Context(), sqldb.Config{PrimaryURL: url})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = db.Close() })
				statements := []string{"CREATE TABLE cells(name TEXT PRIMARY KEY,n INTEGER,stamp TEXT)"}
				if boots != "1" {
					statements = append(statements, manyBoots)
				}
				if _, err := db.Do(b.Context(), run(statements...)); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := db.Do(b.Context(), put("n", 1)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
