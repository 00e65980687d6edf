// Package table lays out a table as plain text for a terminal and as Markdown for a page.
package table

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Table is rows below a head; each has as many cells.
type Table struct {
	Head []Column
	Rows [][]string
}

// A Column is its name and where its cells stand.
type Column struct {
	Name string
	// Right is for numbers.
	Right bool
}

// Add adds a row.
func (t *Table) Add(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Line(cell)
	}
	t.Rows = append(t.Rows, row)
}

// Line is a text from elsewhere without what would move a terminal's cursor.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// Text writes it in aligned columns, two blanks apart.
func (t Table) Text(w io.Writer) error {
	out, widths := bufio.NewWriter(w), t.widths()
	for _, cells := range append([][]string{t.names()}, t.Rows...) {
		var b strings.Builder
		for i, cell := range cells {
			b.WriteString(t.padded(i, cell, widths[i]) + "  ")
		}
		_, _ = out.WriteString(strings.TrimRight(b.String(), " ") + "\n") // Flush tells
	}
	return out.Flush()
}

// Markdown writes it as a page's source, aligned there, too.
func (t Table) Markdown(w io.Writer) error {
	escaped := Table{Head: t.Head}
	for _, cells := range t.Rows {
		var row []string
		for _, cell := range cells {
			row = append(row, Escape(cell))
		}
		escaped.Rows = append(escaped.Rows, row)
	}
	return escaped.markdown(w)
}

// Escape writes a text so that Markdown shows it as it is.
func Escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "&", "&amp;", "`", "\\`", "*", `\*`, "[", `\[`).Replace(s)
}

func (t Table) markdown(w io.Writer) error {
	out, widths := bufio.NewWriter(w), t.widths()
	rule := make([]string, len(t.Head))
	for i, column := range t.Head {
		widths[i] = max(widths[i], 3)
		rule[i] = strings.Repeat("-", widths[i])
		if column.Right {
			rule[i] = rule[i][1:] + ":"
		}
	}
	for _, cells := range append([][]string{t.names(), rule}, t.Rows...) {
		for i, cell := range cells {
			_, _ = out.WriteString("| " + t.padded(i, cell, widths[i]) + " ")
		}
		_, _ = out.WriteString("|\n") // Flush tells
	}
	return out.Flush()
}

func (t Table) names() []string {
	names := make([]string, len(t.Head))
	for i, column := range t.Head {
		names[i] = column.Name
	}
	return names
}

func (t Table) widths() []int {
	widths := make([]int, len(t.Head))
	for _, cells := range append([][]string{t.names()}, t.Rows...) {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func (t Table) padded(column int, cell string, width int) string {
	room := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
	if t.Head[column].Right {
		return room + cell
	}
	return cell + room
}
