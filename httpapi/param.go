package httpapi

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/buntime/keyval/kv"
)

// A param describes a parameter in the table. Query parameters are made by the
// typed constructors below, whose get parses by the same limits that the document
// shows.
type param struct {
	name     string
	doc      string
	schema   *schema
	repeated bool // may be given more than once
}

// query holds a request's query parameters, decoded once. It is nil if there are
// none, which is the usual case of the hot routes.
type query url.Values

func (q query) text(name string) (value string, given bool) {
	if q == nil {
		return "", false
	}
	values, given := q[name]
	if !given {
		return "", false
	}
	return values[0], true
}

// parseQuery decodes a raw query and refuses what the route does not know.
func (r *route) parseQuery(raw string) (query, error) {
	if raw == "" || r.anyRequest {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalidArgument("the query is malformed: %v", err)
	}
	for name, given := range values {
		p := r.queryParam(name)
		if p == nil {
			return nil, r.unknownParam(name)
		}
		if len(given) > 1 && !p.repeated {
			return nil, invalidArgument("query parameter %q is given %d times", name, len(given))
		}
	}
	return query(values), nil
}

func (r *route) queryParam(name string) *param {
	for i := range r.query {
		if r.query[i].name == name {
			return &r.query[i]
		}
	}
	return nil
}

func (r *route) unknownParam(name string) error {
	if other, ok := r.elsewhere[name]; ok {
		return invalidArgument("unknown query parameter %q; %s takes it", name, other)
	}
	return invalidArgument("unknown query parameter %q", name)
}

// invalidArgument is an error that wraps kv.ErrInvalidArgument.
func invalidArgument(format string, args ...any) error {
	return fmt.Errorf("%w: %s", kv.ErrInvalidArgument, fmt.Sprintf(format, args...))
}

// An intParam is an integer within limits.
type intParam struct {
	name, doc string
	min, max  int64
	// def is what an absent parameter means, if hasDefault.
	def        int64
	hasDefault bool
}

func (p intParam) param() param {
	s := &schema{Type: "integer", Minimum: &p.min}
	if p.max != 0 {
		s.Maximum = &p.max
	}
	if p.hasDefault {
		s.Default = p.def
	}
	return param{name: p.name, doc: p.doc, schema: s}
}

// get returns the default if the parameter is absent.
func (p intParam) get(q query) (int64, error) {
	text, given := q.text(p.name)
	if !given {
		return p.def, nil
	}
	n, err := parseInteger(text)
	if err != nil {
		return 0, invalidArgument("%s is %q, want an integer", p.name, clip(text))
	}
	return n, p.check(n)
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

func (p intParam) check(n int64) error {
	switch {
	case p.max == 0 && n < p.min:
		return invalidArgument("%s must be at least %d", p.name, p.min)
	case p.max != 0 && (n < p.min || n > p.max):
		return invalidArgument("%s must be %d to %d", p.name, p.min, p.max)
	}
	return nil
}

// A boolParam is true or false.
type boolParam struct{ name, doc string }

func (p boolParam) param() param {
	return param{name: p.name, doc: p.doc, schema: &schema{Type: "boolean", Default: false}}
}

// get returns whether the parameter was given at all, too.
func (p boolParam) get(q query) (value, given bool, err error) {
	text, given := q.text(p.name)
	switch {
	case !given:
		return false, false, nil
	case text == "true":
		return true, true, nil
	case text == "false":
		return false, true, nil
	}
	return false, true, invalidArgument("%s is %q, want true or false", p.name, clip(text))
}

// A keyParam is a key in URL form; with prefix it may have no parts.
type keyParam struct {
	name, doc string
	prefix    bool
}

func (p keyParam) param() param {
	return param{name: p.name, doc: p.doc, schema: &schema{Type: "string", Examples: []any{"users/42"}}}
}

// get returns "" if the parameter is absent.
func (p keyParam) get(q query) (kv.Key, error) {
	text, given := q.text(p.name)
	if !given {
		return "", nil
	}
	parse := kv.ParseKeyPath
	if p.prefix {
		parse = kv.ParsePrefixPath
	}
	key, err := parse(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	return key, nil
}

// A textParam is any text.
type textParam struct {
	name, doc string
	oneOf     []string // nil: any
}

func (p textParam) param() param {
	return param{name: p.name, doc: p.doc, schema: &schema{Type: "string", Enum: anys(p.oneOf)}}
}

// clip shortens what a caller sent for an error message.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func anys(words []string) []any {
	if words == nil {
		return nil
	}
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}
