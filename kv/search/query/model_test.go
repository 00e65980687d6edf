package query_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/kv/search/query"
)

// A document has the words of each field.
type document [][]string

// A verdict is whether a document matches; left out if an expression has no words.
type verdict struct{ matches, leftOut bool }

// An expression can be written, and says in Go what it finds in the allowed columns.
type expression interface {
	String() string
	binds() int // 3 as an operand, 2 as NOT, 1 as AND, 0 as OR
	eval(d document, allowed []bool) verdict
}

func inParentheses(e expression, binds int) string {
	if e.binds() < binds {
		return "(" + e.String() + ")"
	}
	return e.String()
}

type words struct {
	words           []string
	prefix, initial bool
	format          string // of the words, with %s between them
}

func (w words) binds() int { return 3 }

func (w words) String() string {
	text := strings.Join(w.words, w.format)
	if w.format == " " || w.format == `" + "` {
		text = `"` + text + `"`
	}
	if w.prefix {
		text += "*"
	}
	if w.initial {
		text = "^" + text
	}
	return text
}

func (w words) eval(d document, allowed []bool) verdict {
	for i, field := range d {
		for at := range field {
			if allowed[i] && w.is(field[at:]) && (at == 0 || !w.initial) {
				return verdict{matches: true}
			}
		}
	}
	return verdict{}
}

// is tells whether a text begins with the words.
func (w words) is(text []string) bool {
	last := len(w.words) - 1
	if len(text) <= last || !slices.Equal(text[:last], w.words[:last]) {
		return false
	}
	return text[last] == w.words[last] || w.prefix && strings.HasPrefix(text[last], w.words[last])
}

type nearby struct {
	a, b     string
	distance int
}

func (n nearby) binds() int     { return 3 }
func (n nearby) String() string { return fmt.Sprintf("NEAR(%s !!! %s, %d)", n.a, n.b, n.distance) }

func (n nearby) eval(d document, allowed []bool) verdict {
	for i, field := range d {
		for at, a := range field {
			for bt, b := range field {
				if allowed[i] && a == n.a && b == n.b && max(at-bt, bt-at)-1 <= n.distance {
					return verdict{matches: true}
				}
			}
		}
	}
	return verdict{}
}

type signs string

func (s signs) binds() int                    { return 3 }
func (s signs) String() string                { return string(s) }
func (s signs) eval(document, []bool) verdict { return verdict{leftOut: true} }

type filter struct {
	name    string
	columns []bool
	of      expression
}

func (f filter) binds() int     { return 3 }
func (f filter) String() string { return f.name + inFilter(f.of) }

func inFilter(e expression) string {
	if _, nested := e.(filter); nested {
		return "(" + e.String() + ")"
	}
	return inParentheses(e, 3)
}

func (f filter) eval(d document, allowed []bool) verdict {
	both := slices.Clone(allowed)
	for i := range both {
		both[i] = both[i] && f.columns[i]
	}
	return f.of.eval(d, both)
}

type operation struct {
	operator string // "" is AND
	operands []expression
}

func (o operation) binds() int { return map[string]int{"OR": 0, "AND": 1, "": 1, "NOT": 2}[o.operator] }

func (o operation) String() string {
	texts := []string{inParentheses(o.operands[0], o.binds())}
	for _, operand := range o.operands[1:] {
		texts = append(texts, inParentheses(operand, o.binds()+1))
	}
	return strings.Join(texts, " "+o.operator+" ")
}

func (o operation) eval(d document, allowed []bool) verdict {
	result := o.operands[0].eval(d, allowed)
	for _, operand := range o.operands[1:] {
		v := operand.eval(d, allowed)
		switch {
		case v.leftOut:
		case result.leftOut && o.operator == "NOT":
		case result.leftOut:
			result = v
		case o.operator == "OR":
			result.matches = result.matches || v.matches
		case o.operator == "NOT":
			result.matches = result.matches && !v.matches
		default:
			result.matches = result.matches && v.matches
		}
	}
	return result
}

var (
	someWord  = rapid.SampledFrom([]string{"a", "b", "c", "aa", "ab", "é", "not"})
	someWords = rapid.SliceOfN(someWord, 1, 3)

	someDocument = rapid.Custom(func(t *rapid.T) document {
		return rapid.SliceOfN(rapid.SliceOfN(someWord, 0, 5), 3, 3).Draw(t, "document")
	})
	someSigns = rapid.Map(rapid.SampledFrom([]string{"!!!", `"?"`, "-", "NEAR(/, 3)"}),
		func(s string) expression { return signs(s) })
	someText = rapid.Custom(func(t *rapid.T) expression {
		return words{
			someWords.Draw(t, "words"), rapid.Bool().Draw(t, "prefix"), rapid.Bool().Draw(t, "initial"),
			rapid.SampledFrom([]string{" ", "/", "&.", `" + "`}).Draw(t, "format"),
		}
	})
	someNear = rapid.Custom(func(t *rapid.T) expression {
		return nearby{someWord.Draw(t, "a"), someWord.Draw(t, "b"), rapid.IntRange(0, 4).Draw(t, "distance")}
	})
	someFilter = rapid.SampledFrom([]filter{
		{"title: ", []bool{true, false, false}, nil},
		{`-"body":`, []bool{true, false, true}, nil},
		{"{title meta.name} : ", []bool{true, false, true}, nil},
		{`{body "meta.name"}: `, []bool{false, true, true}, nil},
	})
)

func someExpression(depth int) *rapid.Generator[expression] {
	leaf := rapid.OneOf(someText, someText, someText, someNear, someSigns)
	if depth == 0 {
		return leaf
	}
	operator := rapid.SampledFrom([]string{"", "AND", "OR", "NOT"})
	return rapid.OneOf(leaf, rapid.Custom(func(t *rapid.T) expression {
		f := someFilter.Draw(t, "filter")
		f.of = someExpression(depth-1).Draw(t, "filtered")
		return f
	}), rapid.Custom(func(t *rapid.T) expression {
		operands := rapid.SliceOfN(someExpression(depth-1), 2, 3)
		return operation{operator.Draw(t, "operator"), operands.Draw(t, "operands")}
	}))
}

func TestAnyExpressionFindsWhatItMeans(t *testing.T) {
	t.Parallel()
	db := openDB(t)
	made := 0
	rapid.Check(t, func(rt *rapid.T) {
		documents := rapid.SliceOfN(someDocument, 1, 8).Draw(rt, "documents")
		expressions := rapid.SliceOfN(someExpression(3), 1, 8).Draw(rt, "expressions")
		made++
		table := mustMakeTable(t, db, "f"+strconv.Itoa(made), "unicode61", 3, joined(documents)...)
		for _, e := range expressions {
			match, err := query.Compile(e.String(), fuzzFields)
			var found []int
			if err == nil && match != "" {
				found, err = table.find(t.Context(), match)
			}
			if want := matching(e, documents); err != nil || !slices.Equal(found, want) {
				rt.Fatalf("%s: %s finds %v, %v, want %v", e, match, found, err, want)
			}
		}
		mustExec(t, db, "DROP TABLE "+table.name)
	})
}

func matching(e expression, documents []document) (found []int) {
	for i, d := range documents {
		if e.eval(d, []bool{true, true, true}).matches {
			found = append(found, i+1)
		}
	}
	return found
}

func joined(documents []document) [][]string {
	var texts [][]string
	for _, d := range documents {
		var fields []string
		for _, words := range d {
			fields = append(fields, strings.Join(words, ", "))
		}
		texts = append(texts, fields)
	}
	return texts
}
