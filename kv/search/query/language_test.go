package query_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/buntime/keyval/kv/search/query"
)

// A page is docs/search.md: its tables' rows by what the header's first two cells are.
type page map[string][][]string

func mustReadPage(t *testing.T) page {
	t.Helper()
	text, err := os.ReadFile("../../../docs/search.md")
	if err != nil {
		t.Fatal(err)
	}
	p := page{}
	header := ""
	for line := range strings.Lines(string(text)) {
		cells := cells(line)
		switch {
		case len(cells) < 2:
			header = ""
		case header == "":
			header = cells[0] + " " + cells[1]
			p[header] = append(p[header], cells)
		case !strings.HasPrefix(cells[0], "---"):
			p[header] = append(p[header], cells)
		}
	}
	return p
}

// cells returns the cells of a table's row, without the backquotes around code.
func cells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	var cells []string
	for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		cell = strings.TrimSpace(cell)
		if code := strings.Trim(cell, "`"); cell == "`"+code+"`" {
			cell = code
		}
		cells = append(cells, cell)
	}
	return cells
}

// mustHaveRows returns the rows under a header, which there has to be, without other headers of the
// same kind.
func (p page) mustHaveRows(t *testing.T, header string) [][]string {
	t.Helper()
	rows := slices.DeleteFunc(slices.Clone(p[header]), func(cells []string) bool {
		return cells[0]+" "+cells[1] == header
	})
	if len(rows) < 4 {
		t.Fatalf("%d rows under %s", len(rows), header)
	}
	return rows
}

func TestEveryExampleFindsWhatThePageSays(t *testing.T) {
	t.Parallel()
	p := mustReadPage(t)
	fields := p["document title"][0][1:]
	var documents [][]string
	for _, row := range p.mustHaveRows(t, "document title") {
		documents = append(documents, row[1:])
	}
	table := mustMakeTable(t, openDB(t), "f", "unicode61", len(fields), documents...)
	for _, row := range p.mustHaveRows(t, "query finds") {
		match, err := query.Compile(row[0], fields)
		var found []int
		if err == nil && match != "" {
			found, err = table.find(t.Context(), match)
		}
		if got := list(found); err != nil || got != row[1] {
			t.Errorf("%s: %s finds %s, %v, want %s", row[0], match, got, err, row[1])
		}
	}
}

func list(numbers []int) string {
	texts := []string{}
	for _, n := range numbers {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, ", ")
}

func TestEveryErrorIsWhereThePageSays(t *testing.T) {
	t.Parallel()
	for _, row := range mustReadPage(t).mustHaveRows(t, "query character") {
		_, err := query.Compile(row[0], []string{"title", "body", "meta.name"})
		var e *query.Error
		if !errors.As(err, &e) || strconv.Itoa(e.Position) != row[1] {
			t.Errorf("%s: got %v, want character %s", row[0], err, row[1])
		}
	}
}
