package v8value

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"
)

// bigint is a sign and a magnitude, little-endian.
type bigint struct {
	negative  bool
	magnitude []byte
}

// maxBigInt is how many bytes of a magnitude are written in decimal, which takes
// more than linear time. keyval's own bigints have as many.
const maxBigInt = 255

func (in *input) bigIntBody() (bigint, bool) {
	bits, ok := in.varint()
	if !ok {
		return bigint{}, false
	}
	negative, length := bits&1 != 0, bits>>1&(1<<30-1)
	if negative && length == 0 { // minus zero; V8 takes it with digits that are all zero
		return bigint{}, false
	}
	magnitude, ok := in.bytes(length)
	for len(magnitude) > 0 && magnitude[len(magnitude)-1] == 0 {
		magnitude = magnitude[:len(magnitude)-1]
	}
	return bigint{negative, magnitude}, ok
}

func (b bigint) int() *big.Int {
	magnitude := slices.Clone(b.magnitude)
	slices.Reverse(magnitude)
	n := new(big.Int).SetBytes(magnitude)
	if b.negative {
		n.Neg(n)
	}
	return n
}

func (b bigint) appendDecimal(dst []byte) []byte { return b.int().Append(dst, 10) }

// appendText appends b as JavaScript writes it, one with many digits in hexadecimal.
func (b bigint) appendText(dst []byte) []byte {
	if len(b.magnitude) <= maxBigInt {
		return append(b.appendDecimal(dst), 'n')
	}
	if b.negative {
		dst = append(dst, '-')
	}
	dst = append(dst, "0x"...)
	for i := len(b.magnitude) - 1; i >= 0 && len(b.magnitude)-i <= maxText; i-- {
		const hex = "0123456789abcdef"
		dst = append(dst, hex[b.magnitude[i]>>4], hex[b.magnitude[i]&15])
	}
	return append(dst, 'n')
}

func (r *reader) bigInt() kind {
	var ok bool
	if r.bigint, ok = r.bigIntBody(); !ok {
		return broken
	}
	r.exact = false
	if !r.full() {
		r.out = r.bigint.appendText(r.out)
	}
	return bigintKind
}

// wrapper reads an object around a primitive: new Number(1).
func (r *reader) wrapper(tag byte) kind {
	r.begin()
	ok := false
	switch tag {
	case tagTrueObject:
		r.putExtra("[Boolean: true")
		ok = true
	case tagFalseObject:
		r.putExtra("[Boolean: false")
		ok = true
	case tagNumberObject:
		r.putExtra("[Number: ")
		ok = r.number(r.double()) != broken
	case tagBigIntObject:
		r.putExtra("[BigInt: ")
		ok = r.bigInt() != broken
	case tagStringObject:
		r.putExtra("[String: ")
		ok = r.string(r.stringValue()) != broken
	}
	if !ok {
		return broken
	}
	r.putByte(']')
	return object
}

func (r *reader) date() kind {
	pos := r.pos - 1
	ms, ok := r.double()
	if !ok {
		return broken
	}
	r.objects.begin(pos)
	r.exact = false
	if !r.full() {
		r.out = appendDate(r.out, ms)
	}
	return object
}

// appendDate appends what Date's toISOString gives.
func appendDate(dst []byte, ms float64) []byte {
	const farthest = 8.64e15
	if !(math.Abs(ms) <= farthest) {
		return append(dst, "Invalid Date"...)
	}
	t := time.UnixMilli(int64(ms)).UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return fmt.Appendf(dst, "%+07d%s", year, t.Format("-01-02T15:04:05.000Z"))
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// flags of a RegExp by their bits. The seventh is V8's own, for an engine that it has
// switched off.
var flags = [...]struct {
	bit    uint32
	letter byte
}{{1 << 7, 'd'}, {1 << 0, 'g'}, {1 << 1, 'i'}, {1 << 2, 'm'}, {1 << 5, 's'}, {1 << 4, 'u'}, {1 << 8, 'v'}, {1 << 3, 'y'}}

func (r *reader) regExp() kind {
	r.begin()
	source, ok := r.stringValue()
	if !ok {
		return broken
	}
	set, ok := r.varint()
	r.putExtra("/")
	r.putRaw(source)
	r.putByte('/')
	for _, flag := range flags {
		if set&flag.bit != 0 {
			set &^= flag.bit
			r.putByte(flag.letter)
		}
	}
	if !ok || set != 0 {
		return broken
	}
	return object
}
