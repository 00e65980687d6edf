package filter

import (
	"math/big"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// A scalar is what a value is compared with.
type scalar interface {
	// equals is not asked of null and missing values.
	equals(v value, now int64) bool
	// canonical appends the scalar in JSON.
	canonical(dst []byte) []byte
}

type (
	nullScalar    struct{}
	booleanScalar bool
	textScalar    string
	numberScalar  struct{ number }
	// A timeScalar is the time and so many milliseconds.
	timeScalar int64
)

func (nullScalar) equals(value, int64) bool { return false }

func (s booleanScalar) equals(v value, _ int64) bool {
	b, ok := v.boolean()
	return ok && b == bool(s)
}

func (s textScalar) equals(v value, _ int64) bool { return v.isText() && v.text() == string(s) }

func (s numberScalar) equals(v value, _ int64) bool {
	n, ok := v.number()
	return ok && n.compare(s.number) == 0
}

func (s timeScalar) equals(v value, now int64) bool { return s.at(now).equals(v, now) }

// at is the number that the scalar is at a time.
func (s timeScalar) at(now int64) numberScalar {
	return numberScalar{number{form: integer, i: now + int64(s)}}
}

func (nullScalar) canonical(dst []byte) []byte      { return append(dst, "null"...) }
func (s booleanScalar) canonical(dst []byte) []byte { return strconv.AppendBool(dst, bool(s)) }
func (s numberScalar) canonical(dst []byte) []byte  { return s.number.canonical(dst) }

func (s textScalar) canonical(dst []byte) []byte {
	dst, _ = jsontext.AppendQuote(dst, string(s))
	return dst
}

func (s timeScalar) canonical(dst []byte) []byte {
	if s == 0 {
		return append(dst, `{"$now":true}`...)
	}
	dst = append(dst, `{"$now":true,"offset":`...)
	return append(strconv.AppendInt(dst, int64(s), 10), '}')
}

// sql is the time as a number.
func (s timeScalar) sql(c *compiler) string { return "(" + c.now + "+" + c.bind(int64(s)) + ")" }

// maxOffset bounds the member offset, as in values.
const maxOffset = 1 << 52

// scalar reads a value to compare with.
func (p *parser) scalar(at spot, v value) (scalar, error) {
	switch c := v[0]; {
	case c == 'n':
		return nullScalar{}, nil
	case c == 't', c == 'f':
		return booleanScalar(c == 't'), nil
	case c == '"':
		return p.text(at, v)
	case c == '[':
		return nil, at.errorf("must be a string, a number, a boolean or null; arrays are not compared, see $contains and $in")
	case c == '{':
		return p.typed(at, v)
	}
	return p.number(at, v)
}

// text refuses half a character: replaced, it could become equal to another.
func (p *parser) text(at spot, v value) (scalar, error) {
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return nil, at.errorf("has the escape of a lone surrogate, which is no character")
	}
	return textScalar(text), nil
}

func (p *parser) number(at spot, v value) (scalar, error) {
	n, _ := v.number()
	if n.form == double && n.f-n.f != 0 {
		return nil, at.errorf("is a number that no double can hold; use a bigint")
	}
	return numberScalar{n}, nil
}

// typed reads an object that stands for a scalar.
func (p *parser) typed(at spot, v value) (scalar, error) {
	if v.has("$now") {
		return p.time(at, v)
	}
	if !v.has("__type") {
		return nil, at.errorf("must be a string, a number, a boolean or null; objects are not compared: name what is in them by its path, as in \"a.b\"")
	}
	digits, ok := v.bigint()
	n, isInteger := integerOfDigits(digits)
	if !ok || !isInteger {
		return nil, at.errorf(`must be {"__type":"bigint","value":"…"} with decimal digits: there are no other typed values in a filter`)
	}
	return numberScalar{n}, nil
}

// maxBigintDigits is more than any double has, and than sums can reach.
const maxBigintDigits = 1000

// integerOfDigits also takes digits that begin with zeros.
func integerOfDigits(s string) (number, bool) {
	digits := s
	if negative(s) {
		digits = s[1:]
	}
	if !isDigits(digits) || len(digits) > maxBigintDigits {
		return number{}, false
	}
	i, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return number{}, false
	}
	return numberOfDigits(i.String()), true
}

// time reads {"$now":true}, maybe with an offset.
func (p *parser) time(at spot, v value) (scalar, error) {
	offset, wrong := int64(0), false
	v.members(func(name, member value) bool {
		switch unquote(name) {
		case "$now":
			wrong = string(member) != "true"
		case "offset":
			n, ok := offsetOf(member)
			offset, wrong = n, !ok
		default:
			wrong = true
		}
		return !wrong
	})
	if wrong {
		return nil, at.errorf(`must be {"$now":true}, or with an "offset" that is an integer within ±4,503,599,627,370,496 (milliseconds), and nothing else`)
	}
	return timeScalar(offset), nil
}

func offsetOf(v value) (int64, bool) {
	if v.absent() {
		return 0, true
	}
	n, ok := v.number()
	if !ok {
		return 0, false
	}
	digits, ok := n.whole()
	i, err := strconv.ParseInt(digits, 10, 64)
	return i, ok && err == nil && i >= -maxOffset && i <= maxOffset
}

// has tells whether an object has a member.
func (v value) has(name string) bool { return v.member(name) != nil }
