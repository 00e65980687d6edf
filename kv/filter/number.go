package filter

import (
	"cmp"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// A number is exactly what SQLite takes a JSON number for, or a bigint. Integers from 2^63
// on are doubles in JSON numbers, and digits in bigints.
type number struct {
	form   numberForm
	i      int64
	f      float64
	digits string // with a minus sign, if negative
}

type numberForm int8

const (
	integer numberForm = iota // i, within 64 bits
	double                    // f
	large                     // digits, beyond 64 bits
)

// parseNumber reads a JSON number.
func parseNumber(s string) number {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{form: integer, i: i}
	}
	f, _ := strconv.ParseFloat(s, 64) // infinite if it is out of range, as for SQLite
	return number{form: double, f: f}
}

// number is the value's, if it is one, also as a bigint.
func (v value) number() (number, bool) {
	if len(v) == 0 {
		return number{}, false
	}
	if c := v[0]; c == '-' || c >= '0' && c <= '9' {
		return parseNumber(string(v)), true
	}
	digits, ok := v.bigint()
	if !ok || !isCanonical(digits) {
		return number{}, false
	}
	return numberOfDigits(digits), true
}

// The two ways to write a bigint: exactly these members, in either order.
const (
	bigintBegin, bigintEnd   = `{"__type":"bigint","value":"`, `"}`
	bigintBegin2, bigintEnd2 = `{"value":"`, `","__type":"bigint"}`
)

// bigint is what stands as the digits in the form of a bigint.
func (v value) bigint() (digits string, ok bool) {
	if !v.isObject() {
		return "", false
	}
	if rest, ok := strings.CutPrefix(string(v), bigintBegin); ok {
		return strings.CutSuffix(rest, bigintEnd)
	}
	rest, ok := strings.CutPrefix(string(v), bigintBegin2)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, bigintEnd2)
}

// isCanonical tells whether there is no other way to write the number.
func isCanonical(s string) bool {
	if s == "0" {
		return true
	}
	digits := strings.TrimPrefix(s, "-")
	return isDigits(digits) && digits[0] != '0'
}

// numberOfDigits is an integer of any length, written canonically.
func numberOfDigits(s string) number {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{form: integer, i: i}
	}
	return number{form: large, digits: s}
}

// whole is an integer in decimal digits; false for what is none.
func (n number) whole() (string, bool) {
	switch {
	case n.form == integer:
		return strconv.FormatInt(n.i, 10), true
	case n.form == large:
		return n.digits, true
	case n.f != math.Trunc(n.f) || math.IsInf(n.f, 0):
		return "", false
	}
	i, _ := big.NewFloat(n.f).Int(nil)
	return i.String(), true
}

// compare is exact.
func (n number) compare(o number) int {
	switch {
	case n.form == integer && o.form == integer:
		return cmp.Compare(n.i, o.i)
	case n.form == double && o.form == double:
		return cmp.Compare(n.f, o.f)
	case n.form == double:
		return -o.compare(n)
	case o.form == double:
		return n.compareDouble(o.f)
	}
	a, _ := n.whole()
	b, _ := o.whole()
	return compareDigits(a, b)
}

// compareDouble compares an integer.
func (n number) compareDouble(f float64) int {
	if math.IsInf(f, 0) {
		return -cmp.Compare(f, 0)
	}
	digits, _ := n.whole()
	down := number{form: double, f: math.Floor(f)}
	floor, _ := down.whole()
	if c := compareDigits(digits, floor); c != 0 || down.f == f {
		return c
	}
	return -1
}

// compareDigits compares canonical integers.
func compareDigits(a, b string) int {
	if negative(a) != negative(b) {
		if negative(a) {
			return -1
		}
		return 1
	}
	c := cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	if negative(a) {
		return -c
	}
	return c
}

func negative(digits string) bool { return strings.HasPrefix(digits, "-") }

// canonical is the number in JSON.
func (n number) canonical(dst []byte) []byte {
	switch n.form {
	case integer:
		return strconv.AppendInt(dst, n.i, 10)
	case double:
		return appendDouble(dst, n.f)
	}
	return append(append(append(dst, bigintBegin...), n.digits...), bigintEnd...)
}

// appendDouble appends a double so that SQLite takes it for one.
func appendDouble(dst []byte, f float64) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if strings.ContainsAny(string(dst[start:]), ".e") {
		return dst
	}
	return append(dst, ".0"...)
}

// inSixtyFour tells whether the number lies between the ends of what SQLite casts digits to,
// so that a cast that went to an end compares with it as the digits do.
func (n number) inSixtyFour() bool {
	switch n.form {
	case integer:
		return n.i > -math.MaxInt64 && n.i < math.MaxInt64
	case double:
		return math.Abs(n.f) < 1<<63
	}
	return false
}

// jsonNumber is what a number of JSON is compared with instead, by which operator.
func (n number) jsonNumber(operator string) (string, string) {
	if n.form != large {
		return string(n.canonical(nil)), operator
	}
	f, exact := n.toward0()
	text := string(appendDouble(nil, f))
	if exact {
		return text, operator
	}
	// No number of JSON lies between the double and n, which is further from 0.
	less := operator[0] == '<'
	switch {
	case n.digits[0] == '-' && less:
		return text, "<"
	case n.digits[0] == '-':
		return text, ">="
	case less:
		return text, "<="
	}
	return text, ">"
}

// toward0 is the next double that is not further from 0 than a large number.
func (n number) toward0() (f float64, exact bool) {
	const mantissa = 53
	i, _ := new(big.Int).SetString(n.digits, 10)
	b := new(big.Float).SetPrec(mantissa).SetMode(big.ToZero).SetInt(i)
	f, _ = b.Float64()
	if math.IsInf(f, 0) {
		return math.Copysign(math.MaxFloat64, f), false
	}
	return f, b.Acc() == big.Exact
}

// double is the number as JSON's numbers can be, if one is.
func (n number) double() (number, bool) {
	if n.form != large {
		return n, true
	}
	f, exact := n.toward0()
	return number{form: double, f: f}, exact
}
