package sqldb_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

func TestRowsOfMoreThanAnArgumentAreAllCarried(t *testing.T) {
	t.Parallel()
	count := func(stmts ...sqldb.Stmt) (n int) {
		for _, st := range stmts {
			var rows [][]string
			argument, _ := st.Args[0].(string)
			if err := json.Unmarshal([]byte(argument), &rows); err != nil || len(st.Args) != 1 {
				t.Fatalf("%d arguments, %v", len(st.Args), err)
			}
			n += len(rows)
		}
		return n
	}
	rows := func(n int) *sqldb.Rows {
		r := sqldb.NewRows("SELECT ?")
		for range n {
			r.Add(strings.Repeat("\x01", 1000)) // six bytes each
		}
		return r
	}
	if stmts := rows(1000).Arrays(); count(stmts...) != 1000 || len(stmts) < 2 {
		t.Errorf("%d rows in %d arguments, want 1,000 in several", count(stmts...), len(stmts))
	}
	for _, n := range []int{0, 1, 600} {
		if got := count(rows(n).Array()); got != n {
			t.Errorf("one argument carries %d rows of %d", got, n)
		}
	}
}
