// Package filter tells which JSON documents a client wants: it parses a where, compiles it
// to SQL, and evaluates it in Go, with the same answer.
package filter

import "errors"

// ErrInvalid is wrapped by every error of Parse, with the place in the filter.
var ErrInvalid = errors.New("invalid filter")

// A Filter is a parsed where. A nil Filter matches everything.
type Filter struct{}

// Parse reads a where, a JSON object.
func Parse([]byte) (*Filter, error) { return nil, ErrInvalid }

// Match reports whether the document matches at a time, in Unix milliseconds.
func (f *Filter) Match(document []byte, now int64) bool { return f == nil }

// SQL is an expression that is 1 for a document that matches, else 0 or NULL. document is
// an expression of its JSON as text, now one of the time in Unix milliseconds; first is the
// number of the first parameter that is free.
func (f *Filter) SQL(document, now string, first int) (sql string, args []any) { return "1", nil }

// Canonical is the same for filters that mean the same as written: what a cursor or an
// idempotency key is bound to. Nil for a nil Filter.
func (f *Filter) Canonical() []byte { return nil }

// A Path names a place in a document, as a.b, items[0].x or ["a.b"].
type Path struct{ steps []step }

type step struct {
	name  string
	index int // -1: a member
}

// ParsePath reads a path.
func ParsePath(string) (Path, error) { return Path{}, ErrInvalid }

// String is the path's canonical form.
func (p Path) String() string { return "" }

// Place is where the path leads in a document, an expression of JSON text, for SQLite's
// functions: json_extract(json, path) is the value, NULL if there is none. bind makes an
// expression of a text: a parameter, or whatever holds it.
func (p Path) Place(document string, bind func(text string) string) (json, path string) {
	return document, bind("$")
}
