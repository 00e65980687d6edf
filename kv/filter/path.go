package filter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/internal/strictjson"
)

// A Path names a place in a document, as a.b, items[0].x or ["a.b"].
type Path struct{ steps []step }

type step struct {
	name  string
	index int // -1: a member
}

// maxIndexDigits keeps an index within 32 bits, because old SQLite wraps it.
const maxIndexDigits = 9

// special cannot stand in a name without brackets and quotes. A dollar is kept for
// operators.
const special = `.[]"\$`

// ParsePath reads a path: names of members, between which there are dots, and behind them
// [0] for an element or ["name"] for a member of any name, with JSON's escapes. A path of
// what is not an object may begin with brackets.
func ParsePath(s string) (Path, error) {
	p, err := parsePath(s)
	if err != nil {
		return Path{}, fmt.Errorf("%w: the path %w", ErrInvalid, err)
	}
	return p, nil
}

func parsePath(s string) (Path, error) {
	if !utf8.ValidString(s) {
		return Path{}, errNoPath("is not valid UTF-8")
	}
	var p Path
	rest := s
	for first := true; first || rest != ""; first = false {
		st, tail, err := cutStep(rest, first)
		if err != nil {
			return Path{}, err
		}
		p.steps, rest = append(p.steps, st), tail
		if len(p.steps) > strictjson.MaxDepth {
			return Path{}, fmt.Errorf("has more than %d steps, deeper than any value nests", strictjson.MaxDepth)
		}
	}
	return p, nil
}

func cutStep(s string, first bool) (step, string, error) {
	if strings.HasPrefix(s, "[") {
		return cutBrackets(s)
	}
	if !first {
		if s[0] != '.' {
			return step{}, "", errNoPath("has something else than a dot or a bracket behind a bracket")
		}
		s = s[1:]
	}
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	name := s[:end]
	switch {
	case name == "":
		return step{}, "", errNoPath("has an empty name")
	case strings.ContainsAny(name, special) || strings.ContainsFunc(name, isControl):
		return step{}, "", errNoPath("has a name with a special character")
	}
	return step{name, -1}, s[end:], nil
}

func isControl(r rune) bool { return r < ' ' }

func cutBrackets(s string) (step, string, error) {
	if strings.HasPrefix(s, `["`) {
		return cutQuoted(s)
	}
	digits, rest, ok := strings.Cut(s[1:], "]")
	if !ok || !isDigits(digits) || len(digits) > 1 && digits[0] == '0' {
		return step{}, "", errNoPath("has neither an index nor a name in quotes between brackets")
	}
	if len(digits) > maxIndexDigits {
		return step{}, "", errNoPath("has an index of more than 9 digits")
	}
	n, err := strconv.Atoi(digits)
	return step{"", n}, rest, err
}

func cutQuoted(s string) (step, string, error) {
	v := value(s)
	end := v.quote(1) + 1
	if end >= len(s) || s[end] != ']' {
		return step{}, "", errNoPath("has a quote or a bracket that is not closed")
	}
	name, err := jsontext.AppendUnquote(nil, v[1:end])
	if err != nil {
		return step{}, "", errNoPath("has quotes around what is no JSON string")
	}
	if strings.IndexByte(string(name), 0) >= 0 {
		return step{}, "", errNoPath("has a name with a NUL, which cannot be looked for")
	}
	return step{string(name), -1}, s[end+1:], nil
}

func errNoPath(what string) error {
	return fmt.Errorf(`%s: write a.b, items[0].x, or ["any name"] for a member whose name is empty or has one of . [ ] " \ $`, what)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// String is the path's canonical form.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p.steps {
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case !s.bare():
			quoted, _ := jsontext.AppendQuote(nil, s.name)
			b.WriteString("[" + string(quoted) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// bare tells whether a name needs no brackets.
func (s step) bare() bool {
	return s.name != "" && !strings.ContainsAny(s.name, special) && !strings.ContainsFunc(s.name, isControl)
}

// Place is where the path leads in a document, an expression of JSON text, for SQLite's
// functions: json_extract(json, path) is the value, NULL if there is none. bind makes an
// expression of a text: a parameter, or whatever holds it.
func (p Path) Place(document string, bind func(text string) string) (json, path string) {
	return document, bind(p.sqlite())
}

// labelEscapes are for what would end a label in quotes, or begin an escape. SQLite 3.45
// knows no other way to write a quote.
var labelEscapes = strings.NewReplacer(`"`, `\u0022`, `\`, `\u005c`)

// sqlite is the path in SQLite's own form.
func (p Path) sqlite() string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p.steps {
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		b.WriteString(`."` + labelEscapes.Replace(s.name) + `"`)
	}
	return b.String()
}
