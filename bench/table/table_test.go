package table_test

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/table"
)

func example() table.Table {
	t := table.Table{Head: []table.Column{{Name: "name"}, {Name: "µs", Right: true}}}
	t.Add("a long one", "1")
	t.Add("b|\x1b[31m", "1,000")
	return t
}

func TestColumnsAreAligned(t *testing.T) {
	var b strings.Builder
	if err := example().Text(&b); err != nil {
		t.Fatal(err)
	}
	want := "name           µs\n" +
		"a long one      1\n" +
		"b| [31m     1,000\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestMarkdownIsEscaped(t *testing.T) {
	var b strings.Builder
	if err := example().Markdown(&b); err != nil {
		t.Fatal(err)
	}
	want := "| name       |    µs |\n" +
		"| ---------- | ----: |\n" +
		"| a long one |     1 |\n" +
		`| b\| \[31m  | 1,000 |` + "\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}
