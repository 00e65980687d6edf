package gate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/section"
)

// The page has the table in this section.
const (
	page        = "../../docs/performance.md"
	pageSection = "gate"
)

func TestThePageHasWhatIsStored(t *testing.T) {
	if *update {
		t.Skip("it is being written")
	}
	got, err := section.Body(mustRead(t, page), pageSection)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(pageTable(mustReadCosts(t))); got != want {
		t.Errorf("%s does not have what %s has; run: make gate UPDATE=1\ngot\n%s\nwant\n%s", page, costsFile, got, want)
	}
}

// writePage puts the table into the page.
func writePage(t *testing.T, all []cost) {
	t.Helper()
	text, err := section.Rewrite(mustRead(t, page), pageSection, pageTable(all))
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, page, text)
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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
