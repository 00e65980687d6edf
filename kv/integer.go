package kv

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Integer is the operand of sum, min or max, or the integer in a stored value. It
// has one of three forms: a JSON number within ±(2^53−1), a bigint,
// {"__type":"bigint","value":"123"}, of at most 255 bytes, or Deno's KvU64,
// {"__type":"u64","value":"7"}, from 0 to 2^64−1.
type Integer struct {
	n    *big.Int
	form integerForm
}

type integerForm int

const (
	formNumber integerForm = iota
	formBigInt
	formU64
)

// ParseOperand parses the operand of sum, min or max, a value from ParseValue: a
// JSON number (1, 1.0, 1e3), a string of decimal digits with or without a minus
// sign, or the bigint or u64 form. A numeric string counts as a number in every way:
// who needs more than ±(2^53−1) sends the bigint form.
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
// not exist, which has nothing stored, takes the operand: a u64 as it is, and any other
// as a number if it is within the range of one.
//
// The stored value's form is kept, whatever the operand's: a client that sends
// every operand as a bigint gets its plain numbers back. Only a number whose
// result is outside ±(2^53−1) becomes a bigint, and only if the operand came as
// one, or as a u64, of which there are such, too.
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
	if len(stored) == 0 {
		if operand.form == formU64 {
			return operand.value()
		}
		return operand.as(formNumber).value()
	}
	current, err := parseInteger(stored, errNoStoredInteger)
	if err != nil {
		return nil, err
	}
	result := Integer{n: op(current.n, operand.n), form: operand.form}
	return result.as(current.form).value()
}

// as is i in another form. Where that is a number's, and no number can hold i, it is the
// bigint that an operand which came as more than a number may make of it.
func (i Integer) as(form integerForm) Integer {
	if form == formNumber && i.form != formNumber && !i.isNumber() {
		form = formBigInt
	}
	return Integer{n: i.n, form: form}
}

// parseInteger parses a number or one of the other forms; mismatch makes the error for
// anything else.
func parseInteger(value []byte, mismatch func() error) (Integer, error) {
	if len(value) > 0 && value[0] == '{' {
		if digits, ok := cutForm(string(value), "u64"); ok {
			return parseU64(digits, mismatch)
		}
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
	text, ok := cutForm(value, "bigint")
	digits := strings.TrimPrefix(text, "-")
	if !ok || !isDigits(digits) {
		return Integer{}, mismatch()
	}
	if len(digits) > maxBigIntDigits {
		return Integer{}, errBigIntRange()
	}
	n, _ := new(big.Int).SetString(text, 10)
	i := Integer{n: n, form: formBigInt}
	return i, i.checkRange()
}

// parseU64 takes the digits of a u64, which has one spelling.
func parseU64(digits string, mismatch func() error) (Integer, error) {
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return Integer{}, mismatch()
	}
	return Integer{n: new(big.Int).SetUint64(n), form: formU64}, nil
}

// cutForm needs no decoder: a value from ParseValue has no white space, and what is
// left must be digits.
func cutForm(value, form string) (digits string, ok bool) {
	if rest, ok := strings.CutPrefix(value, `{"__type":"`+form+`","value":"`); ok {
		return strings.CutSuffix(rest, `"}`)
	}
	rest, ok := strings.CutPrefix(value, `{"value":"`)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, `","__type":"`+form+`"}`)
}

// value is i in its form as a JSON value.
func (i Integer) value() ([]byte, error) {
	if err := i.checkRange(); err != nil {
		return nil, err
	}
	begin := ""
	switch i.form {
	case formNumber:
		return i.n.Append(nil, 10), nil
	case formBigInt:
		begin = `{"__type":"bigint","value":"`
	case formU64:
		begin = `{"__type":"u64","value":"`
	}
	return append(i.n.Append([]byte(begin), 10), `"}`...), nil
}

func (i Integer) checkRange() error {
	switch {
	case i.form == formNumber && !i.isNumber():
		return errNumberRange()
	case i.form == formBigInt && i.n.BitLen() > 8*maxBigIntBytes:
		return errBigIntRange()
	case i.form == formU64 && !i.n.IsUint64():
		return errU64Range()
	}
	return nil
}

// isNumber tells whether i lies within ±(2^53−1), the range of a plain number.
func (i Integer) isNumber() bool { return i.n.BitLen() <= 53 }

func errNoOperand() error {
	return fmt.Errorf("%w: sum, min and max take an integer as a number, a numeric string, a bigint or a u64", ErrInvalidValue)
}

func errNoStoredInteger() error {
	return fmt.Errorf("%w: sum, min and max need a stored integer", ErrTypeMismatch)
}

func errNumberRange() error {
	return fmt.Errorf("%w: a number must lie within ±9,007,199,254,740,991; use the bigint form for more", ErrOutOfRange)
}

func errU64Range() error {
	return fmt.Errorf("%w: a u64 must lie within 0 and 18,446,744,073,709,551,615", ErrOutOfRange)
}

func errBigIntRange() error {
	return fmt.Errorf("%w: a bigint may have at most %d bytes", ErrOutOfRange, maxBigIntBytes)
}
