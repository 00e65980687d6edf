package kv

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// cursorSumBytes is how much of the hash a cursor carries: enough to tell a
// damaged or foreign one, which is all it is for. A forged cursor gains nothing,
// because the list still goes only through its own range (Range.After).
const cursorSumBytes = 8

// maxCursorBytes bounds a cursor before it is decoded.
const maxCursorBytes = (cursorSumBytes + MaxKeyBytes) * 4 / 3

// EncodeCursor makes the opaque cursor that continues a list after its last key.
// binding is an encoding of everything that defines the list: prefix, bounds,
// direction and filter.
func EncodeCursor(last Key, binding []byte) string {
	raw := make([]byte, 0, cursorSumBytes+len(last))
	raw = append(raw, cursorSum(last, binding)...)
	raw = append(raw, last...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// DecodeCursor returns the last key that cursor s continues after. It fails with
// ErrInvalidCursor if s is damaged or was made for another binding.
func DecodeCursor(s string, binding []byte) (Key, error) {
	if len(s) > maxCursorBytes+3 {
		return "", fmt.Errorf("%w: it is too long", ErrInvalidCursor)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	// Go's decoder skips line breaks.
	if err != nil || len(raw) < cursorSumBytes || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("%w: it is damaged", ErrInvalidCursor)
	}
	last, err := ParseBytes(raw[cursorSumBytes:])
	if err != nil {
		return "", fmt.Errorf("%w: it is damaged", ErrInvalidCursor)
	}
	if subtle.ConstantTimeCompare(raw[:cursorSumBytes], cursorSum(last, binding)) == 0 {
		return "", fmt.Errorf("%w: it is damaged or belongs to another list", ErrInvalidCursor)
	}
	return last, nil
}

// cursorSum binds last to binding. The length between them makes the two
// unambiguous.
func cursorSum(last Key, binding []byte) []byte {
	h := sha256.New()
	h.Write([]byte("keyval cursor 1\n"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(binding))))
	h.Write(binding)
	h.Write([]byte(last))
	return h.Sum(nil)[:cursorSumBytes]
}
