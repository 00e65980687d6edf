package kv

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

const versionstampDigits = 20

// Versionstamp is the place of an operation in the commit order of the whole
// cluster: 20 lower-case hex digits, of which 4 are the incarnation of the
// database, 12 the transaction and 4 the operation within it. String order is
// commit order. The empty Versionstamp stands for a key that does not exist.
type Versionstamp string

// ForeignVersionstamp stands for one that is none of ours, such as a UUID that a
// program has kept from another store. No entry has it: a check for it never holds.
const ForeignVersionstamp Versionstamp = "-"

// NewVersionstamp puts a versionstamp together. Only the low 48 bits of
// transaction are used.
func NewVersionstamp(incarnation uint16, transaction uint64, operation uint16) Versionstamp {
	var raw [10]byte
	// The two high bytes of the transaction are where the incarnation goes.
	binary.BigEndian.PutUint64(raw[0:], transaction)
	binary.BigEndian.PutUint16(raw[0:], incarnation)
	binary.BigEndian.PutUint16(raw[8:], operation)
	var digits [versionstampDigits]byte
	hex.Encode(digits[:], raw[:])
	return Versionstamp(digits[:])
}

// ParseVersionstamp checks that s is 20 lower-case hex digits. Errors are
// ErrInvalidArgument.
func ParseVersionstamp(s string) (Versionstamp, error) {
	if len(s) != versionstampDigits {
		return "", fmt.Errorf("%w: a versionstamp has %d hex digits", ErrInvalidArgument, versionstampDigits)
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("%w: a versionstamp has only lower-case hex digits", ErrInvalidArgument)
		}
	}
	return Versionstamp(s), nil
}

// Incarnation is the life of the database that v belongs to.
func (v Versionstamp) Incarnation() uint16 { return uint16(v.digits(0, 4)) }

// Transaction is the number of v's transaction within its incarnation, 48 bits.
func (v Versionstamp) Transaction() uint64 { return v.digits(4, 16) }

// Operation is the number of v's operation within its transaction.
func (v Versionstamp) Operation() uint16 { return uint16(v.digits(16, versionstampDigits)) }

// digits reads a stretch of hex digits, 0 if v is empty.
func (v Versionstamp) digits(from, to int) uint64 {
	if len(v) != versionstampDigits {
		return 0
	}
	n, _ := strconv.ParseUint(string(v[from:to]), 16, 64)
	return n
}
