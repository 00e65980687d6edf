package v8value

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
)

// DecodeNumber is the number in V8 data, or its bigint, which is nil for a number. It is not
// ok for any other value.
func DecodeNumber(data []byte) (number float64, bigint *big.Int, ok bool) {
	r := reader{input: input{data: data}}
	if !r.header() {
		return 0, nil, false
	}
	switch tag, _ := r.contentTag(); tag {
	case tagInt32, tagUint32, tagDouble:
		number, ok = r.numberAfter(tag)
	case tagBigInt:
		b, read := r.bigIntBody()
		bigint, ok = b.int(), read
	}
	return number, bigint, ok
}

// AppendNumber appends a number as V8 writes one in full.
func AppendNumber(dst []byte, f float64) []byte {
	dst = append(dst, tagVersion, writtenVersion, tagDouble)
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

// AppendBigInt appends a bigint as V8 writes it, its magnitude in words of 8 bytes.
func AppendBigInt(dst []byte, n *big.Int) []byte {
	words := (n.BitLen() + 63) / 64
	bits := uint64(8*words) << 1
	if n.Sign() < 0 {
		bits |= 1
	}
	dst = binary.AppendUvarint(append(dst, tagVersion, writtenVersion, tagBigInt), bits)
	at := len(dst)
	dst = append(dst, make([]byte, 8*words)...)
	n.FillBytes(dst[at:])
	slices.Reverse(dst[at:])
	return dst
}
