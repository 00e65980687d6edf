package filter

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/internal/strictjson"
)

const (
	// MaxDepth is how deep $and, $or and $not may nest, the filter itself counted.
	MaxDepth = 32
	// MaxNodes is how many operators, and operands of $in and $nin, there may be.
	MaxNodes = 1000
)

// Parse reads a where, a JSON object. A member that is there twice holds twice, as two
// operators on one field do. Errors wrap ErrInvalid, and name the place in the filter,
// beginning with where.
func Parse(raw []byte) (*Filter, error) {
	v, err := compact(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: where is not valid JSON: %w", ErrInvalid, err)
	}
	var p parser
	root, err := p.object(spot{"where", nil, 1}, v)
	if err != nil {
		return nil, err
	}
	return &Filter{root}, nil
}

// compact is valid JSON without white space; strings and numbers as they were.
func compact(raw []byte) (value, error) {
	if err := strictjson.CheckUTF8(raw); err != nil {
		return nil, err
	}
	v := jsontext.Value(bytes.Clone(raw))
	if err := v.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, strictjson.Describe(err)
	}
	return value(v), nil
}

// A parser counts what a filter consists of.
type parser struct{ nodes int }

// A spot is a place in the filter that is being read.
type spot struct {
	name  string
	outer *spot
	depth int // of $and, $or and $not
}

// in is a spot within s.
func (s *spot) in(name string) spot { return spot{name, s, s.depth} }

func (s *spot) element(i int) spot { return s.in("[" + strconv.Itoa(i) + "]") }

// deeper is s as the place of a filter within a filter.
func (s spot) deeper() spot {
	s.depth++
	return s
}

func (s *spot) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s %s", ErrInvalid, s, fmt.Sprintf(format, args...))
}

// String is the spot as a person would write it: where.age.$gt.
func (s *spot) String() string {
	switch {
	case s.outer == nil:
		return s.name
	case strings.HasPrefix(s.name, "["):
		return s.outer.String() + s.name
	}
	return s.outer.String() + "." + s.name
}

// clip shortens a name for a message.
func clip(name string) string {
	const most = 100
	if len(name) <= most {
		return name
	}
	end := most
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "…"
}

// count counts one node more.
func (p *parser) count(at *spot) error {
	if p.nodes++; p.nodes > MaxNodes {
		return at.errorf("is one too many: a filter may have %d operators and operands of $in", MaxNodes)
	}
	return nil
}

// each reads an object's members.
func (p *parser) each(at *spot, v value, read func(at spot, name string, member value) error) error {
	var failed error
	v.members(func(raw, member value) bool {
		name, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			failed = at.errorf("has a name with the escape of a lone surrogate, which is no character")
			return false
		}
		failed = read(at.in(clip(string(name))), string(name), member)
		return failed == nil
	})
	return failed
}

// object reads a filter, at the root or within $and, $or and $not.
func (p *parser) object(at spot, v value) (all, error) {
	if !v.isObject() {
		return nil, at.errorf("must be an object of fields")
	}
	if at.depth > MaxDepth {
		return nil, at.errorf("is too deep: $and, $or and $not may nest %d deep", MaxDepth)
	}
	nodes := all{}
	err := p.each(&at, v, func(at spot, name string, member value) error {
		read, err := p.member(at, name, member)
		nodes = append(nodes, read...)
		return err
	})
	return nodes, err
}

func (p *parser) member(at spot, name string, v value) ([]node, error) {
	switch name {
	case "$and", "$or":
		return p.list(at, name, v)
	case "$not":
		if err := p.count(&at); err != nil {
			return nil, err
		}
		inner, err := p.object(at.deeper(), v)
		return []node{inverse{inner}}, err
	}
	if strings.HasPrefix(name, "$") {
		return nil, errOperatorOutside(&at, name)
	}
	return p.field(at, name, v)
}

func errOperatorOutside(at *spot, name string) error {
	if _, ok := operators[name]; ok {
		return at.errorf(`stands outside a field: write {"field":{%q:…}}`, name)
	}
	return at.errorf(`is no operator: there are $and, $or and $not around fields; a field of that name is written ["$…"]`)
}

func (p *parser) list(at spot, name string, v value) ([]node, error) {
	if err := p.count(&at); err != nil {
		return nil, err
	}
	if !v.isArray() {
		return nil, at.errorf("must be an array of objects of fields")
	}
	var nodes []node
	err := at.elements(v, func(at spot, v value) error {
		inner, err := p.object(at.deeper(), v)
		nodes = append(nodes, inner)
		return err
	})
	if name == "$or" {
		return []node{some(nodes)}, err
	}
	return []node{every(nodes)}, err
}

// elements reads an array's.
func (s *spot) elements(v value, read func(at spot, v value) error) error {
	var failed error
	i := 0
	v.elements(func(element value) bool {
		failed = read(s.element(i), element)
		i++
		return failed == nil
	})
	return failed
}

// field reads what is asked of a field: a value that it must equal, or operators.
func (p *parser) field(at spot, name string, v value) ([]node, error) {
	path, err := parsePath(name)
	if err != nil {
		return nil, at.errorf("is no path: it %v", err)
	}
	if !v.isObject() || v.has("$now") || v.has("__type") {
		f, err := p.operator(at, path, "$eq", v)
		return []node{f}, err
	}
	var nodes []node
	err = p.each(&at, v, func(at spot, name string, operand value) error {
		f, err := p.operator(at, path, name, operand)
		nodes = append(nodes, f)
		return err
	})
	if err == nil && len(nodes) == 0 {
		err = at.errorf("has no operator")
	}
	return nodes, err
}

func (p *parser) operator(at spot, path Path, name string, operand value) (node, error) {
	op, ok := operators[name]
	switch {
	case !ok && (name == "$and" || name == "$or" || name == "$not"):
		return nil, at.errorf(`stands within a field: write {%q:…} around fields`, name)
	case !ok && strings.HasPrefix(name, "$"):
		return nil, at.errorf("is no operator: there are %s", operatorNames)
	case !ok:
		return nil, at.errorf(`is no operator; what is in an object is named by its path, as in "a.b"`)
	}
	if err := p.count(&at); err != nil {
		return nil, err
	}
	test, err := op.parse(p, at, operand)
	return field{path, name, op.negated, test}, err
}
