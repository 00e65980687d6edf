package sqldb_test

import (
	"bytes"
	"encoding/json"
	"maps"
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

func TestALargeValueThatSeveralRowsHaveTravelsOnce(t *testing.T) {
	t.Parallel()
	one, other := bytes.Repeat([]byte("1"), 100_000), bytes.Repeat([]byte("2"), 100_000)
	rows := sqldb.NewRows("SELECT ?,?")
	rows.Add("a", sqldb.Text(one))
	rows.Add("b", sqldb.Text("3"))
	rows.Add("c", sqldb.Text(one))
	rows.Add("d", sqldb.Text(other))
	rows.Add("e", sqldb.Text("4"))
	carried := map[string]string{}
	for _, st := range rows.Stmts() {
		var named [][2]*string
		argument, _ := st.Args[0].(string)
		if err := json.Unmarshal([]byte(argument), &named); err != nil {
			t.Fatal(err)
		}
		blob, large := st.Args[1].([]byte)
		for _, row := range named {
			if (row[1] == nil) != large {
				t.Errorf("row %s has its value where it should not be", *row[0])
				continue
			}
			if !large {
				blob = []byte(*row[1])
			}
			carried[*row[0]] = string(blob)
		}
	}
	want := map[string]string{"a": string(one), "b": "3", "c": string(one), "d": string(other), "e": "4"}
	if !maps.Equal(carried, want) {
		t.Errorf("the statements do not carry what was added")
	}
	if n := len(rows.Stmts()); n != 3 {
		t.Errorf("%d statements, want one for each large value and one for the others", n)
	}
}
