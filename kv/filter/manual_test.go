package filter_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
)

// manualRow is a row of the manual's table of operators.
var manualRow = regexp.MustCompile("(?m)^\\| (.*) \\| `(.*)` \\| `(.*)` \\| (yes|no) \\|$|^\\| \\| `(.*)` \\| `(.*)` \\| (yes|no) \\|$")

func TestTheManualsTableIsTrue(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := manualRow.FindAllStringSubmatch(string(manual), -1)
	if want := strings.Count(string(manual), "| yes |\n") + strings.Count(string(manual), "| no |\n"); len(rows) != want || want < 50 {
		t.Fatalf("%d rows are read of %d", len(rows), want)
	}
	onEachEngine(t, func(t *testing.T, db *sqldb.DB) {
		for _, row := range rows {
			document, where, matches := row[2]+row[5], row[3]+row[6], row[4]+row[7] == "yes"
			f := mustParse(t, where)
			if got := f.Match([]byte(document), now); got != matches {
				t.Errorf("%s of %s: Go says %v", where, document, got)
			}
			if got := ask(t, db, []string{document}, []*filter.Filter{f})[0][0]; got != matches {
				t.Errorf("%s of %s: SQL says %v", where, document, got)
			}
		}
	})
}

func TestTheManualsTableHasEveryOperator(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	_, err = filter.Parse([]byte(`{"a":{"$unknown":1}}`))
	names := regexp.MustCompile(`\$\w+`).FindAllString(strings.SplitN(err.Error(), "there are", 2)[1], -1)
	if len(names) != 20 {
		t.Fatalf("%d operators: %v", len(names), err)
	}
	for _, name := range append(names, "$and", "$or", "$not", "$now") {
		if !strings.Contains(string(manual), "| `"+name+"` |") {
			t.Errorf("%s has no row", name)
		}
	}
}
