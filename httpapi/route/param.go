package route

import (
	"errors"
	"net/url"
	"strconv"
)

// A Param describes a parameter in the table. Query parameters are made by the
// typed constructors below, whose Get parses by the same limits that the document
// shows.
type Param struct {
	Name     string
	Doc      string
	Schema   *Schema
	Repeated bool // may be given more than once
}

// Query holds a request's query parameters, decoded once. It is nil if there are
// none, which is the usual case of the hot routes.
type Query url.Values

// Text is a parameter as it was given.
func (q Query) Text(name string) (value string, given bool) {
	if q == nil {
		return "", false
	}
	values, given := q[name]
	if !given {
		return "", false
	}
	return values[0], true
}

// ParseQuery decodes a raw query and refuses what the route does not know.
func (r *Route) ParseQuery(raw string) (Query, error) {
	if raw == "" || r.anyRequest {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, InvalidArgument("the query is malformed: %v", err)
	}
	for name, given := range values {
		p := r.queryParam(name)
		if p == nil {
			return nil, r.unknownParam(name)
		}
		if len(given) > 1 && !p.Repeated {
			return nil, InvalidArgument("query parameter %q is given %d times", name, len(given))
		}
	}
	return Query(values), nil
}

func (r *Route) queryParam(name string) *Param {
	for i := range r.Query {
		if r.Query[i].Name == name {
			return &r.Query[i]
		}
	}
	return nil
}

func (r *Route) unknownParam(name string) error {
	if other, ok := r.Elsewhere[name]; ok {
		return InvalidArgument("unknown query parameter %q; %s takes it", name, other)
	}
	return InvalidArgument("unknown query parameter %q", name)
}

// An IntParam is an integer within limits.
type IntParam struct {
	Name, Doc string
	Min, Max  int64 // Max 0: no limit
	// Default is what an absent parameter means, if HasDefault.
	Default    int64
	HasDefault bool
}

// Param is the row of the table.
func (p IntParam) Param() Param {
	s := &Schema{Type: "integer", Minimum: &p.Min}
	if p.Max != 0 {
		s.Maximum = &p.Max
	}
	if p.HasDefault {
		s.Default = p.Default
	}
	return Param{Name: p.Name, Doc: p.Doc, Schema: s}
}

// Get returns the default if the parameter is absent.
func (p IntParam) Get(q Query) (int64, error) {
	text, given := q.Text(p.Name)
	if !given {
		return p.Default, nil
	}
	n, err := parseInteger(text)
	if err != nil {
		return 0, InvalidArgument("%s is %q, want an integer", p.Name, Clip(text))
	}
	return n, p.Check(n)
}

// parseInteger takes what int64 cannot hold for its largest or smallest value:
// whether that is too much is for the limits to say.
func parseInteger(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil
	}
	return n, err
}

// Check holds a value against the limits.
func (p IntParam) Check(n int64) error {
	switch {
	case p.Max == 0 && n < p.Min:
		return InvalidArgument("%s must be at least %d", p.Name, p.Min)
	case p.Max != 0 && (n < p.Min || n > p.Max):
		return InvalidArgument("%s must be %d to %d", p.Name, p.Min, p.Max)
	}
	return nil
}

// A BoolParam is true or false.
type BoolParam struct{ Name, Doc string }

// Param is the row of the table.
func (p BoolParam) Param() Param {
	return Param{Name: p.Name, Doc: p.Doc, Schema: &Schema{Type: "boolean", Default: false}}
}

// Get returns whether the parameter was given at all, too.
func (p BoolParam) Get(q Query) (value, given bool, err error) {
	text, given := q.Text(p.Name)
	switch {
	case !given:
		return false, false, nil
	case text == "true":
		return true, true, nil
	case text == "false":
		return false, true, nil
	}
	return false, true, InvalidArgument("%s is %q, want true or false", p.Name, Clip(text))
}

// A TextParam is any text.
type TextParam struct {
	Name, Doc string
	OneOf     []string // nil: any
}

// Param is the row of the table.
func (p TextParam) Param() Param {
	return Param{Name: p.Name, Doc: p.Doc, Schema: &Schema{Type: "string", Enum: Enum(p.OneOf)}}
}

// Clip shortens what a caller sent for an error message.
func Clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Enum are words as the values of a schema.
func Enum(words []string) []any {
	if words == nil {
		return nil
	}
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}
