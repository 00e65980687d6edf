package query

import (
	"strings"
	"unicode"
)

// filter takes a column filter: -, the name of a field or several in braces, and a colon.
func (l *lexer) filter() bool {
	if c, end, ok := l.filterAt(l.at); ok {
		l.add(filtered, end).columns = c
		return true
	}
	if l.text[l.at] != '-' {
		return false
	}
	c, end, ok := l.filterAt(l.at + 1)
	if ok {
		l.add(filtered, end).columns = l.others(c)
	}
	return ok
}

// filterAt returns a filter's columns and the index after its colon.
func (l *lexer) filterAt(start int) (columns, int, bool) {
	var c columns
	var end int
	if start < len(l.text) && l.text[start] == '{' {
		c, end = l.namesInBraces(start + 1)
	} else {
		c, end = l.name(start, ":")
	}
	if c == nil {
		return nil, 0, false
	}
	end = l.spaces(end)
	if end == len(l.text) || l.text[end] != ':' {
		return nil, 0, false
	}
	return c, end + 1, true
}

// namesInBraces returns the columns of names up to a closing brace, nil if one is no field.
func (l *lexer) namesInBraces(i int) (columns, int) {
	var all columns
	for {
		i = l.spaces(i)
		if i < len(l.text) && l.text[i] == '}' {
			return all, i + 1
		}
		c, end := l.name(i, "}")
		if c == nil {
			return nil, 0
		}
		all, i = append(all, c...), end
	}
}

// name returns the columns of the field whose name begins at an index, nil if there is
// none: in quotes, or bare and before a space or one of the characters stops.
func (l *lexer) name(start int, stops string) (columns, int) {
	if start < len(l.text) && l.text[start] == '"' {
		text, end, ok := l.quoted(start)
		if !ok {
			return nil, 0
		}
		return l.named(text), end
	}
	longest := ""
	for _, field := range l.fields {
		if len(field) > len(longest) && l.hasName(start, field, stops) {
			longest = field
		}
	}
	if longest == "" {
		return nil, 0
	}
	return l.named(longest), start + len([]rune(longest))
}

// hasName tells whether a field's name stands at an index, and nothing more of a name.
func (l *lexer) hasName(start int, field, stops string) bool {
	i := start
	for _, r := range field {
		if i == len(l.text) || l.text[i] != r {
			return false
		}
		i++
	}
	return i < len(l.text) && (unicode.IsSpace(l.text[i]) || strings.ContainsRune(stops, l.text[i]))
}

// named returns the columns of the fields with a name, nil if there are none.
func (l *lexer) named(name string) columns {
	var c columns
	for i, field := range l.fields {
		if field == name {
			c = append(c, i)
		}
	}
	return c
}

// others returns all columns but those of c.
func (l *lexer) others(c columns) columns {
	excluded := make([]bool, len(l.fields))
	for _, column := range c {
		excluded[column] = true
	}
	rest := columns{}
	for i := range l.fields {
		if !excluded[i] {
			rest = append(rest, i)
		}
	}
	return rest
}
