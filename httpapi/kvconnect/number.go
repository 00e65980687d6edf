package kvconnect

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/big"

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
		switch f, n, ok := v8value.DecodeNumber(data); {
		case n != nil && ok:
			return number{kind: bigint, big: n}, nil
		case ok:
			return number{kind: double, double: f}, nil
		}
	}
	return number{}, fmt.Errorf("%w: unsupported value type: a sum is of U64s, of numbers or of bigints", kv.ErrTypeMismatch)
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
		return v8value.AppendNumber(nil, n.double), v8value.V8
	}
	return v8value.AppendBigInt(nil, n.big), v8value.V8
}
