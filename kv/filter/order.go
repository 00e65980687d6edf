package filter

import (
	"cmp"
	"strings"
)

// An order is $gt, $gte, $lt or $lte.
type order struct {
	operator string // SQL's
	than     scalar
}

func ordered(operator string) func(p *parser, at spot, v value) (test, error) {
	return func(p *parser, at spot, v value) (test, error) { return parseOrder(p, at, operator, v) }
}

func parseOrder(p *parser, at spot, operator string, v value) (test, error) {
	s, err := p.scalar(at, v)
	if err != nil {
		return nil, err
	}
	if s == (nullScalar{}) {
		return nil, at.errorf("must be a string, a number or a boolean; null has no order, and is asked for with $null")
	}
	return order{operator, s}, nil
}

func (o order) eval(v value, now int64) truth {
	if v.absent() {
		return unknown
	}
	c, ok := compare(v, o.than, now)
	return truthOf(ok && o.holds(c))
}

// holds tells whether the operator holds of what a comparison has found.
func (o order) holds(c int) bool {
	return c < 0 && o.operator[0] == '<' || c > 0 && o.operator[0] == '>' || c == 0 && len(o.operator) == 2
}

// compare fails for different types.
func compare(v value, s scalar, now int64) (c int, ok bool) {
	switch s := s.(type) {
	case timeScalar:
		return compare(v, s.at(now), now)
	case textScalar:
		if !v.isText() {
			return 0, false
		}
		return strings.Compare(v.text(), string(s)), true
	case numberScalar:
		n, ok := v.number()
		return n.compare(s.number), ok
	case booleanScalar:
		b, ok := v.boolean()
		return cmp.Compare(rank(b), rank(bool(s))), ok
	}
	return 0, false
}

// rank orders booleans.
func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (o order) operand(dst []byte) []byte { return o.than.canonical(dst) }

func (o order) sql(c *compiler, p place) string {
	switch s := o.than.(type) {
	case textScalar:
		return p.byKind(map[string]string{"text": p.value() + o.operator + c.bind(string(s))})
	case booleanScalar:
		than := c.bind(int64(rank(bool(s))))
		return p.byKind(map[string]string{"true": "1" + o.operator + than, "false": "0" + o.operator + than})
	case timeScalar:
		than := s.sql(c)
		return p.byNumber(p.value()+o.operator+than, "CAST(t AS INTEGER)"+o.operator+than)
	case numberScalar:
		return o.numberSQL(c, p, s.number)
	}
	return "NULL"
}

// numberSQL compares JSON's numbers as SQLite does, which is exact. It has SQLite read the
// operand, so that one of many digits is rounded as the document's.
func (o order) numberSQL(c *compiler, p place, n number) string {
	text, operator := n.jsonNumber(o.operator)
	than := "json_extract(" + c.bind(text) + ",'$')"
	bigint := "CAST(t AS INTEGER)" + operator + than
	if !n.inSixtyFour() {
		bigint = o.digitsSQL(c, n)
	}
	return p.byNumber(p.value()+operator+than, bigint)
}

// digitsSQL compares the digits t of a bigint with an integer that is about as long as what
// fits 64 bits, or longer.
func (o order) digitsSQL(c *compiler, n number) string {
	digits, _ := n.whole()
	less := o.operator[0] == '<'
	than := c.bind(digits)
	operator := o.operator
	if negative(digits) {
		operator = mirrored[o.operator]
	}
	longer := "(length(t),t)" + operator + "(length(" + than + ")," + than + ")"
	switch {
	case negative(digits) && less:
		return "(t GLOB '-*' AND " + longer + ")"
	case negative(digits):
		return "(t NOT GLOB '-*' OR " + longer + ")"
	case less:
		return "(t GLOB '-*' OR " + longer + ")"
	}
	return "(t NOT GLOB '-*' AND " + longer + ")"
}

var mirrored = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}

// byNumber is what number says of JSON's numbers, and bigint of the digits t of a bigint.
func (p place) byNumber(number, bigint string) string {
	return p.byKind(map[string]string{"integer": number, "real": number, "object": p.bigint(bigint)})
}

// bigint is what then says of the digits t of a bigint, and false of another object.
// DISTINCT keeps SQLite from writing each subquery out wherever its column is used, which
// made large filters twice as slow to prepare.
func (p place) bigint(then string) string {
	return `(SELECT CASE WHEN (CASE WHEN t GLOB '-[1-9]*' THEN substr(t,2) WHEN t='0' OR t GLOB '[1-9]*' THEN t END)` +
		` NOT GLOB '*[^0-9]*' THEN ` + then + ` ELSE 0 END FROM (SELECT DISTINCT CASE` +
		` WHEN x GLOB '` + bigintBegin + `*` + bigintEnd + `' THEN substr(x,29,length(x)-30)` +
		` WHEN x GLOB '` + bigintBegin2 + `*` + bigintEnd2 + `' THEN substr(x,11,length(x)-30)` +
		` END t FROM (SELECT DISTINCT ` + p.value() + ` x)))`
}

// A between is $between: both ends are in it.
type between struct{ low, high order }

func parseBetween(p *parser, at spot, v value) (test, error) {
	var ends []order
	operators := []string{">=", "<="}
	if n := v.length(); n != 2 {
		return nil, at.errorf("must be an array of two, the least and the greatest value")
	}
	err := at.elements(v, func(at spot, v value) error {
		t, err := parseOrder(p, at, operators[len(ends)], v)
		if err == nil {
			ends = append(ends, t.(order))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if typeOf(ends[0].than) != typeOf(ends[1].than) {
		return nil, at.errorf("must be two strings, two numbers or two booleans")
	}
	return between{ends[0], ends[1]}, nil
}

// length is how many elements an array has; -1 for what is none.
func (v value) length() int {
	if !v.isArray() {
		return -1
	}
	n := 0
	v.elements(func(value) bool {
		n++
		return true
	})
	return n
}

func typeOf(s scalar) string {
	switch s.(type) {
	case textScalar:
		return "string"
	case booleanScalar:
		return "boolean"
	}
	return "number"
}

func (b between) eval(v value, now int64) truth {
	return min(b.low.eval(v, now), b.high.eval(v, now))
}

func (b between) sql(c *compiler, p place) string {
	return "(" + b.low.sql(c, p) + " AND " + b.high.sql(c, p) + ")"
}

func (b between) operand(dst []byte) []byte {
	dst = b.low.operand(append(dst, '['))
	return append(b.high.operand(append(dst, ',')), ']')
}
