package v8value

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Encoding says how a value is encoded, by the numbers of KV Connect's
// ValueEncoding.
type Encoding int

// The encodings.
const (
	V8    Encoding = 1 // V8's serialisation
	LE64  Encoding = 2 // a KvU64: eight bytes, little-endian
	Bytes Encoding = 3 // a Uint8Array: the bytes themselves
)

// ErrInvalid is of data that are no value in their encoding.
var ErrInvalid = errors.New("invalid value")

// AppendStored appends the JSON text that the store keeps for a value as Deno sends
// it. It fails with ErrInvalid for what is no such value: LE64 that is not 8 bytes,
// V8 that V8 itself would not read, an unknown encoding.
func AppendStored(dst, data []byte, e Encoding) ([]byte, error) {
	switch e {
	case V8:
		return appendV8(dst, data)
	case LE64:
		if len(data) != 8 {
			return dst, fmt.Errorf("%w: a u64 has 8 bytes, not %d", ErrInvalid, len(data))
		}
		return appendU64Form(dst, binary.LittleEndian.Uint64(data)), nil
	case Bytes:
		return appendBytesForm(dst, data), nil
	}
	return dst, fmt.Errorf("%w: unknown encoding %d", ErrInvalid, e)
}

// AppendLoaded appends the value as Deno reads it. stored is a JSON text from
// kv.ParseValue. What is no form is plain JSON and becomes V8.
func AppendLoaded(dst, stored []byte) ([]byte, Encoding) {
	if out, e, ok := appendForm(dst, stored); ok {
		return out, e
	}
	return appendPlain(dst, stored), V8
}
