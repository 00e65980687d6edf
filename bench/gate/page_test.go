package gate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The page has the table between marks.
const (
	page      = "../../docs/performance.md"
	pageStart = "<!-- The table is made from bench/gate/testdata/costs.txt: make gate UPDATE=1 -->\n"
	pageEnd   = "<!-- Here the table ends. -->\n"
)

func TestThePageHasWhatIsStored(t *testing.T) {
	if *update {
		t.Skip("it is being written")
	}
	_, got, _ := mustCutPage(t)
	if want := pageTable(mustReadCosts(t)); got != want {
		t.Errorf("%s does not have what %s has; run: make gate UPDATE=1\ngot\n%s\nwant\n%s", page, costsFile, got, want)
	}
}

// mustCutPage is the page before, within and after its table.
func mustCutPage(t *testing.T) (before, table, after string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), pageStart)
	table, after, foundEnd := strings.Cut(rest, pageEnd)
	if !found || !foundEnd {
		t.Fatalf("%s has no marks around the table of what a request costs: put these around an empty place, and run make gate UPDATE=1\n%s%s", page, pageStart, pageEnd)
	}
	return before, table, after
}

func pageTable(all []cost) string {
	var text strings.Builder
	text.WriteString("| | embedded: statements | allocations | sqld: statements | in calls | allocations |\n|---|---|---|---|---|---|\n")
	for _, op := range operations() {
		e, s := find(all, embedded, op.name), find(all, sqld, op.name)
		if e != nil && s != nil {
			fmt.Fprintf(&text, "| %s | %d | %d | %d | %d | %d |\n", op.about, e.statements, e.allocations, s.statements, s.calls, s.allocations)
		}
	}
	return text.String()
}
