package filter

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A field is one operator on what stands at a path.
type field struct {
	path     Path
	operator string
	negated  bool // whether the operator is the opposite of its test
	test     test
}

// A test is what an operator asks of a value.
type test interface {
	// eval is given the zero value for what is missing.
	eval(v value, now int64) truth
	sql(c *compiler, p place) string
	// operand appends the operator's operand in its canonical form.
	operand(dst []byte) []byte
}

func (f field) eval(m moment) truth {
	if m.blind {
		return unknown
	}
	t := f.test.eval(f.path.find(m.document), m.now)
	if f.negated {
		return -t
	}
	return t
}

func (f field) sql(c *compiler, opposite bool) expression {
	var p place
	p.json, p.path = f.path.Place(c.document, func(text string) string { return c.bind(text) })
	sql := f.test.sql(c, p)
	if f.negated != opposite {
		sql = "NOT " + sql
	}
	return expression{leaf: sql}
}

func (f field) canonical(dst []byte) []byte {
	dst, _ = jsontext.AppendQuote(dst, f.path.String())
	dst = append(append(append(dst, `:{"`...), f.operator...), `":`...)
	return append(f.test.operand(dst), '}')
}

// A place is where SQL finds a field: expressions of JSON and of a path in it.
type place struct{ json, path string }

// value is SQL NULL for what is null or missing, 1 and 0 for booleans, and text also for
// arrays and objects: kind tells them apart.
func (p place) value() string { return "json_extract(" + p.json + "," + p.path + ")" }

// kind is 'null' for null and NULL for what is missing.
func (p place) kind() string { return "json_type(" + p.json + "," + p.path + ")" }

// kinds are SQLite's names of what is neither null nor missing.
var kinds = []string{"text", "integer", "real", "object", "array", "true", "false"}

// byKind is unknown of what is null or missing, and else what the kind's case says: false
// if there is none.
func (p place) byKind(cases map[string]string) string {
	var b strings.Builder
	b.WriteString("CASE " + p.kind())
	for _, k := range kinds {
		then := cases[k]
		if then == "" {
			then = "0"
		}
		b.WriteString(" WHEN '" + k + "' THEN " + then)
	}
	b.WriteString(" END")
	return b.String()
}

// known is false, but unknown of what is null or missing.
func (p place) known() string { return "(nullif(" + p.kind() + ",'null')='')" }

// among is whether the value is in a set, given as what may stand behind IN, and of one of
// some kinds. The kind is looked at only where it matters.
func (p place) among(set, kinds string) string {
	return "CASE " + p.value() + " IN " + set + " WHEN 1 THEN " + p.kind() + " IN " + kinds + " WHEN 0 THEN 0 END"
}
