// Package filter tells which JSON documents a client wants: it parses a where, compiles it
// to SQL, and evaluates it in Go, with the same answer. docs/filters.md says what each
// operator means.
//
// A document is a value from kv.ParseValue: valid JSON without insignificant white space.
package filter

import "errors"

// ErrInvalid is wrapped by every error of Parse and ParsePath; those of Parse name the
// place in the filter.
var ErrInvalid = errors.New("invalid filter")

// A Filter is a parsed where. A nil Filter matches everything. It may be used at the same
// time by several goroutines.
type Filter struct{ root all }

// Match reports whether the document matches at a time, in Unix milliseconds.
func (f *Filter) Match(document []byte, now int64) bool {
	return f == nil || f.root.eval(moment{document: document, now: now}) == yes
}

// MatchesAll reports whether the filter matches whatever is in a document, as one does that
// was put together by a program that found no conditions.
func (f *Filter) MatchesAll() bool {
	return f == nil || f.root.eval(moment{blind: true}) == yes
}

// SQL is an expression that is 1 for a document that matches, else 0 or NULL. document is
// an expression of its JSON as text, now one of the time in Unix milliseconds; columns in
// both must be qualified, because the expression has subqueries. first is the number of the
// first parameter that is free. The text is the same for filters of one shape, whatever
// they name and compare with.
func (f *Filter) SQL(document, now string, first int) (sql string, args []any) {
	if f == nil {
		return "1", nil
	}
	c := &compiler{document: document, now: now, next: first}
	return f.root.sql(c, false).String(), c.args
}

// Canonical is the same for filters that mean the same as written: what a cursor or an
// idempotency key is bound to. White space, escapes, the spelling of numbers and paths, and
// the short forms of $eq make no difference; the order does. It is a where itself. Nil for
// a nil Filter.
func (f *Filter) Canonical() []byte {
	if f == nil {
		return nil
	}
	return f.root.canonical(nil)
}
