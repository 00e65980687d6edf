package kv

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Integer is the operand of sum, min or max, or the integer in a stored value. It
// has one of two forms: a JSON number within ±(2^53−1), or a bigint,
// {"__type":"bigint","value":"123"}, of at most 255 bytes.
type Integer struct {
	n      *big.Int
	bigint bool // whether it has the bigint form
}

// ParseOperand parses the operand of sum, min or max, a value from ParseValue: a
// JSON number (1, 1.0, 1e3), a string of decimal digits with or without a minus
// sign, or the bigint form. A numeric string counts as a number in every way: who
// needs more than ±(2^53−1) sends the bigint form.
//
// It fails with ErrInvalidValue if that is no integer and with ErrOutOfRange.
func ParseOperand(value []byte) (Integer, error) {
	if len(value) > 0 && value[0] == '"' {
		digits := strings.Trim(string(value), `"`)
		if !isDigits(strings.TrimPrefix(digits, "-")) {
			return Integer{}, errNoOperand()
		}
		return numberInteger(digits, errNoOperand)
	}
	return parseInteger(value, errNoOperand)
}

// Sum returns the value of a key after operand was added to it. A key that does
// not exist, which has nothing stored, takes the operand, as a number if it is within the range of one.
//
// The stored value's form is kept, whatever the operand's: a client that sends
// every operand as a bigint gets its plain numbers back. Only a number whose
// result is outside ±(2^53−1) becomes a bigint, and only if the operand came as
// one.
//
// It fails with ErrTypeMismatch if stored is no integer, and with ErrOutOfRange
// if stored or the result is outside the range of its form.
func Sum(stored []byte, operand Integer) (result []byte, err error) {
	return combine(stored, operand, func(a, b *big.Int) *big.Int {
		return new(big.Int).Add(a, b)
	})
}

// Min is Sum with the smaller of the two in place of their sum.
func Min(stored []byte, operand Integer) (result []byte, err error) {
	return combine(stored, operand, func(a, b *big.Int) *big.Int {
		if a.Cmp(b) <= 0 {
			return a
		}
		return b
	})
}

// Max is Sum with the larger of the two in place of their sum.
func Max(stored []byte, operand Integer) (result []byte, err error) {
	return combine(stored, operand, func(a, b *big.Int) *big.Int {
		if a.Cmp(b) >= 0 {
			return a
		}
		return b
	})
}

func combine(stored []byte, operand Integer, op func(a, b *big.Int) *big.Int) ([]byte, error) {
	result := Integer{n: operand.n}
	if len(stored) > 0 {
		current, err := parseInteger(stored, errNoStoredInteger)
		if err != nil {
			return nil, err
		}
		result = Integer{n: op(current.n, operand.n), bigint: current.bigint}
	}
	if operand.bigint && !result.isNumber() {
		result.bigint = true
	}
	return result.value()
}

// parseInteger parses a number or the bigint form; mismatch makes the error for
// anything else.
func parseInteger(value []byte, mismatch func() error) (Integer, error) {
	if len(value) > 0 && value[0] == '{' {
		return parseBigIntForm(string(value), mismatch)
	}
	if !isJSONNumber(string(value)) {
		return Integer{}, mismatch()
	}
	return numberInteger(string(value), mismatch)
}

// numberInteger parses a JSON number, or decimal digits that may begin with
// zeros. It never computes a power that is out of range: 1e400000 is cheap.
func numberInteger(s string, mismatch func() error) (Integer, error) {
	unsigned := strings.TrimPrefix(s, "-")
	significant, exponent := cutDecimal(unsigned)
	if significant == "" {
		return Integer{n: new(big.Int)}, nil
	}
	if exponent < 0 {
		return Integer{}, mismatch()
	}
	const safeDigits = 16 // of 2^53
	if len(significant)+exponent > safeDigits {
		return Integer{}, errNumberRange()
	}
	n, _ := strconv.ParseInt(significant+strings.Repeat("0", exponent), 10, 64)
	if n > maxSafeInteger {
		return Integer{}, errNumberRange()
	}
	if unsigned != s {
		n = -n
	}
	return Integer{n: big.NewInt(n)}, nil
}

// cutDecimal takes a number apart: it is its digits, which neither begin nor end
// with a zero, times ten to the exponent. Zero has no digits.
func cutDecimal(unsigned string) (significant string, exponent int) {
	mantissa, exponent := cutExponent(unsigned)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	significant = strings.TrimRight(digits, "0")
	return significant, exponent + len(digits) - len(significant)
}

// cutExponent splits a number at its exponent. One too long for an int becomes
// one that decides every comparison just the same.
func cutExponent(s string) (mantissa string, exponent int) {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s, 0
	}
	const huge = 1 << 40 // further from zero than any value has digits
	exponent, err := strconv.Atoi(s[i+1:])
	if err != nil || exponent > huge || exponent < -huge {
		exponent = huge
		if s[i+1] == '-' {
			exponent = -huge
		}
	}
	return s[:i], exponent
}

// parseBigIntForm takes exactly the members __type and value, in either order.
func parseBigIntForm(value string, mismatch func() error) (Integer, error) {
	text, ok := cutBigIntForm(value)
	digits := strings.TrimPrefix(text, "-")
	if !ok || !isDigits(digits) {
		return Integer{}, mismatch()
	}
	if len(digits) > maxBigIntDigits {
		return Integer{}, errBigIntRange()
	}
	n, _ := new(big.Int).SetString(text, 10)
	i := Integer{n: n, bigint: true}
	return i, i.checkRange()
}

// cutBigIntForm needs no decoder: a value from ParseValue has no white space,
// and what is left must be digits.
func cutBigIntForm(value string) (digits string, ok bool) {
	if rest, ok := strings.CutPrefix(value, `{"__type":"bigint","value":"`); ok {
		return strings.CutSuffix(rest, `"}`)
	}
	rest, ok := strings.CutPrefix(value, `{"value":"`)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, `","__type":"bigint"}`)
}

// value is i in its form as a JSON value.
func (i Integer) value() ([]byte, error) {
	if err := i.checkRange(); err != nil {
		return nil, err
	}
	if !i.bigint {
		return i.n.Append(nil, 10), nil
	}
	out := i.n.Append([]byte(`{"__type":"bigint","value":"`), 10)
	return append(out, `"}`...), nil
}

func (i Integer) checkRange() error {
	if i.bigint {
		if i.n.BitLen() > 8*maxBigIntBytes {
			return errBigIntRange()
		}
		return nil
	}
	if !i.isNumber() {
		return errNumberRange()
	}
	return nil
}

// isNumber tells whether i lies within ±(2^53−1), the range of a plain number.
func (i Integer) isNumber() bool { return i.n.BitLen() <= 53 }

func errNoOperand() error {
	return fmt.Errorf("%w: sum, min and max take an integer as a number, a numeric string or a bigint", ErrInvalidValue)
}

func errNoStoredInteger() error {
	return fmt.Errorf("%w: sum, min and max need a stored integer", ErrTypeMismatch)
}

func errNumberRange() error {
	return fmt.Errorf("%w: a number must lie within ±9,007,199,254,740,991; use the bigint form for more", ErrOutOfRange)
}

func errBigIntRange() error {
	return fmt.Errorf("%w: a bigint may have at most %d bytes", ErrOutOfRange, maxBigIntBytes)
}
