package filter

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// An oneOf is $in, and $eq with one operand. Null among the operands asks for what is null
// or missing; without it, it is unknown whether nothing is one of them.
type oneOf struct {
	operands []scalar
	single   bool // written as $eq
}

func parseEqual(p *parser, at spot, v value) (test, error) {
	s, err := p.scalar(at, v)
	return oneOf{[]scalar{s}, true}, err
}

func parseIn(p *parser, at spot, v value) (test, error) {
	if !v.isArray() {
		return nil, at.errorf("must be an array")
	}
	var o oneOf
	err := at.elements(v, func(at spot, v value) error {
		if err := p.count(&at); err != nil {
			return err
		}
		s, err := p.scalar(at, v)
		o.operands = append(o.operands, s)
		return err
	})
	return o, err
}

func (o oneOf) eval(v value, now int64) truth {
	for _, s := range o.operands {
		switch {
		case !v.absent():
			if s.equals(v, now) {
				return yes
			}
		case s == nullScalar{}:
			return yes
		}
	}
	if v.absent() && !o.onlyNull() {
		return unknown
	}
	return no
}

// onlyNull tells whether there is nothing to compare with, so that nothing is unknown.
func (o oneOf) onlyNull() bool {
	for _, s := range o.operands {
		if s != (nullScalar{}) {
			return false
		}
	}
	return len(o.operands) > 0
}

func (o oneOf) operand(dst []byte) []byte {
	if o.single {
		return o.operands[0].canonical(dst)
	}
	dst = append(dst, '[')
	for i, s := range o.operands {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.canonical(dst)
	}
	return append(dst, ']')
}

// numberKinds are those of numbers and bigints.
const numberKinds = "('integer','real','object')"

// sql compares with the operands of each type at once, however many there are.
func (o oneOf) sql(c *compiler, p place) string {
	var null, booleans bool
	var texts, numbers list
	var parts []string
	for _, s := range o.operands {
		switch s := s.(type) {
		case nullScalar:
			null = true
		case booleanScalar:
			booleans = true
		case textScalar:
			texts.add(string(s.canonical(nil)))
		case numberScalar:
			numbers.number(s.number)
		case timeScalar:
			parts = append(parts, s.equalSQL(c, p))
		}
	}
	if booleans {
		parts = append(parts, "(nullif("+p.kind()+",'null') IN (SELECT value FROM json_each("+c.bind(o.booleans())+")))")
	}
	if texts != "" {
		parts = append(parts, p.among(texts.set(c), "('text')"))
	}
	if numbers != "" {
		parts = append(parts, p.among(numbers.set(c), numberKinds))
	}
	if null {
		parts = append(parts, p.nothing())
	}
	if parts == nil {
		return p.known()
	}
	return chain(parts, " OR ")
}

// booleans are those among the operands, as kinds.
func (o oneOf) booleans() string {
	var l list
	for _, s := range o.operands {
		if b, ok := s.(booleanScalar); ok {
			l.add(`"` + string(b.canonical(nil)) + `"`)
		}
	}
	return l.json()
}

// A list is the elements of a JSON array.
type list string

func (l *list) add(element string) {
	if *l != "" {
		*l += ","
	}
	*l += list(element)
}

// number adds a number in each form that a document may have it in.
func (l *list) number(n number) {
	if f, exact := n.double(); exact {
		l.add(string(f.canonical(nil)))
	}
	if digits, ok := n.whole(); ok {
		l.add(quote(bigintBegin + digits + bigintEnd))
		l.add(quote(bigintBegin2 + digits + bigintEnd2))
	}
}

func quote(s string) string {
	quoted, _ := jsontext.AppendQuote(nil, s)
	return string(quoted)
}

func (l list) json() string { return "[" + string(l) + "]" }

// set is what may stand behind IN.
func (l list) set(c *compiler) string {
	return "(SELECT value FROM json_each(" + c.bind(l.json()) + "))"
}

func (s timeScalar) equalSQL(c *compiler, p place) string {
	time := s.sql(c)
	return p.among(strings.NewReplacer("T", time).Replace(
		`(T,'`+bigintBegin+`'||T||'`+bigintEnd+`','`+bigintBegin2+`'||T||'`+bigintEnd2+`')`), numberKinds)
}
