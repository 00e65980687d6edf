package kvconnect

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/buntime/keyval/internal/v8value"
	"github.com/buntime/keyval/kv"
)

// A numberKind is one of the types that can be summed, as errors call it.
type numberKind string

const (
	u64    numberKind = "KvU64"
	double numberKind = "Number"
	bigint numberKind = "BigInt"
)

// A number is an operand or a stored value. It is never changed.
type number struct {
	kind   numberKind
	u64    uint64
	double float64
	big    *big.Int
}

// parseNumber reads a number as a client sends it.
func parseNumber(data []byte, e v8value.Encoding) (number, error) {
	stored, err := v8value.AppendStored(nil, data, e)
	if err != nil {
		return number{}, err
	}
	return loadNumber(stored)
}

// loadNumber reads a stored value that is a number, of whatever type.
func loadNumber(stored []byte) (number, error) {
	data, e := v8value.AppendLoaded(nil, stored)
	switch e {
	case v8value.LE64:
		return number{kind: u64, u64: binary.LittleEndian.Uint64(data)}, nil
	case v8value.V8:
		if n, ok := parseV8Number(data[2:]); ok { // behind the version
			return n, nil
		}
	}
	return number{}, fmt.Errorf("%w: unsupported value type: a sum is of U64s, of numbers or of bigints", kv.ErrTypeMismatch)
}

// parseV8Number reads valid V8 from its first tag on.
func parseV8Number(data []byte) (number, bool) {
	data = v8Tag(data)
	if len(data) == 0 {
		return number{}, false
	}
	tag, data := data[0], data[1:]
	switch tag {
	case 'I':
		zigzag, _ := v8Varint(data)
		return number{kind: double, double: float64(int32(zigzag>>1) ^ -int32(zigzag&1))}, true
	case 'U':
		n, _ := v8Varint(data)
		return number{kind: double, double: float64(n)}, true
	case 'N':
		return number{kind: double, double: math.Float64frombits(binary.LittleEndian.Uint64(data))}, true
	case 'Z':
		return number{kind: bigint, big: parseV8BigInt(data)}, true
	}
	return number{}, false
}

// v8Tag is what begins with a tag that counts: before it there may be padding, and counts
// of objects, which mean nothing.
func v8Tag(data []byte) []byte {
	const padding, objectCount = 0, '?'
	for len(data) > 0 {
		switch data[0] {
		case padding:
			data = data[1:]
		case objectCount:
			_, n := v8Varint(data[1:])
			data = data[1+n:]
		default:
			return data
		}
	}
	return nil
}

// parseV8BigInt reads a sign and a length, and so many bytes from the least one on.
func parseV8BigInt(data []byte) *big.Int {
	field, n := v8Varint(data)
	magnitude := slices.Clone(data[n : n+int(field>>1&(1<<30-1))])
	slices.Reverse(magnitude)
	b := new(big.Int).SetBytes(magnitude)
	if field&1 != 0 {
		b.Neg(b)
	}
	return b
}

// v8Varint reads what is valid as V8 does: five bytes at most, and of them 32 bits.
func v8Varint(data []byte) (v uint32, n int) {
	for n < 5 {
		b := data[n]
		v |= uint32(b&0x7f) << (7 * n)
		n++
		if b < 0x80 {
			break
		}
	}
	return v, n
}

// isU64 tells a bigint that a U64 can hold.
func (n number) isU64() bool { return n.kind == bigint && n.big.IsUint64() }

// plus adds one of the same kind.
func (n number) plus(m number) number {
	if n.kind == bigint {
		return number{kind: bigint, big: new(big.Int).Add(n.big, m.big)}
	}
	return number{kind: double, double: n.double + m.double}
}

// compare is -1, 0 or 1 for numbers of the same kind.
func (n number) compare(m number) int {
	if n.kind == bigint {
		return n.big.Cmp(m.big)
	}
	return cmp.Compare(n.double, m.double)
}

// stored is the number as the store keeps it.
func (n number) stored() []byte {
	data, e := n.encoded()
	stored, _ := v8value.AppendStored(nil, data, e) // ours is valid
	return stored
}

// encoded is the number as Deno has it.
func (n number) encoded() ([]byte, v8value.Encoding) {
	switch n.kind {
	case u64:
		return binary.LittleEndian.AppendUint64(nil, n.u64), v8value.LE64
	case double:
		return binary.LittleEndian.AppendUint64([]byte{0xff, 0x0f, 'N'}, math.Float64bits(n.double)), v8value.V8
	}
	return appendV8BigInt([]byte{0xff, 0x0f, 'Z'}, n.big), v8value.V8
}

// appendV8BigInt writes digits of 64 bits, as V8 does.
func appendV8BigInt(dst []byte, b *big.Int) []byte {
	size := (b.BitLen() + 63) / 64 * 8
	field := uint64(size) << 1
	if b.Sign() < 0 {
		field |= 1
	}
	magnitude := b.FillBytes(make([]byte, size))
	slices.Reverse(magnitude)
	return append(binary.AppendUvarint(dst, field), magnitude...)
}
