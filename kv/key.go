package kv

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a key.
const (
	MaxKeyParts        = 20   // parts in a key; at least one
	MaxStringPartRunes = 1024 // code points in a string part
	MaxBytesPart       = 1024 // bytes in a bytes part
	MaxKeyBytes        = 2048 // bytes of an encoded key

	maxBigIntBytes  = 255 // bytes of a bigint's magnitude; the encoding holds no more
	maxBigIntDigits = 615 // decimal digits of 2^(8*255)
)

// Tags of the encoding, one at the start of each part. Their order is the order
// of the types. Between tagBigIntNeg and tagBigIntPos stand the bigints of up to
// eight bytes: tagBigIntZero plus or minus the length of the magnitude.
const (
	tagBytes      = 0x01
	tagString     = 0x02
	tagBigIntNeg  = 0x0b
	tagBigIntZero = 0x14
	tagBigIntPos  = 0x1d
	tagNumber     = 0x21
	tagFalse      = 0x26
	tagTrue       = 0x27

	terminator = 0x00 // ends a string or bytes part
	escape     = 0xff // after a zero byte: the zero belongs to the part
)

// Key is a key in its encoded form: Deno KV's, a subset of FoundationDB's tuple
// encoding. Comparing two keys with < compares them part by part, and parts of
// different types in the order bytes, string, bigint, number, boolean.
//
// NewKey makes only keys of parts. Deno's KV Connect stores under any bytes, so that
// there are opaque keys, too: see IsOpaque. The empty Key has no parts: it is the prefix
// of everything and never the key of an entry. 0 and -0 are different keys.
type Key string

// NewKey encodes parts, each a string, float64, int, int64, bool, *big.Int or
// []byte. An int must be one that a double holds exactly. Errors are ErrInvalidKey.
func NewKey(parts ...any) (Key, error) {
	var buf [128]byte
	b := keyBuilder{buf: buf[:0]}
	for _, part := range parts {
		if err := b.add(part); err != nil {
			return "", err
		}
	}
	return b.key()
}

// ParseBytes takes any bytes for a key, 1 to MaxKeyBytes of them. Errors are
// ErrInvalidKey.
func ParseBytes(raw []byte) (Key, error) {
	switch {
	case len(raw) == 0:
		return "", fmt.Errorf("%w: it has no bytes", ErrInvalidKey)
	case len(raw) > MaxKeyBytes:
		return "", errKeyTooLong(len(raw))
	}
	return Key(raw), nil
}

// IsOpaque reports whether k is more than the prefix of everything and yet no key of
// parts, within their limits: what NewKey does not make. It has a place in the order as
// every key has, and nothing is below it.
func (k Key) IsOpaque() bool { return k != "" && k.check() != nil }

// check refuses what NewKey does not make. There is one encoding for each key of parts.
func (k Key) check() error {
	if len(k) > MaxKeyBytes {
		return errKeyTooLong(len(k))
	}
	rest, n := k, 0
	for ; len(rest) > 0; n++ {
		p, tail, ok := rest.cut()
		if !ok {
			return fmt.Errorf("%w: byte %d begins no valid part", ErrInvalidKey, len(k)-len(rest))
		}
		if err := p.validate(n + 1); err != nil {
			return err
		}
		rest = tail
	}
	return checkPartCount(n)
}

// Parts decodes k into values of type string, float64, bool, *big.Int and
// []byte. It fails with ErrInvalidKey if k is not a valid encoding.
func (k Key) Parts() ([]any, error) {
	parts := make([]any, 0, 4)
	for rest := k; len(rest) > 0; {
		p, tail, ok := rest.cut()
		if !ok {
			return nil, fmt.Errorf("%w: byte %d begins no valid part", ErrInvalidKey, len(k)-len(rest))
		}
		parts = append(parts, p.value())
		rest = tail
	}
	return parts, nil
}

// HasPrefix reports whether k is at or below prefix, by whole parts: ["us"] is
// no prefix of ["users"]. Of an opaque k that goes by its beginning.
func (k Key) HasPrefix(prefix Key) bool {
	if prefix == "" {
		return true
	}
	if !strings.HasPrefix(string(k), string(prefix)) {
		return false
	}
	// A terminator followed by an escape is no terminator: ["a"] is a prefix in
	// bytes, but not in parts, of ["a\x00b"].
	return len(k) == len(prefix) || k[len(prefix)] != escape
}

// WithVersionstamp returns k with v appended as a string part: the key of a set
// whose last part is the versionstamp of its own commit. ParseSetKeyJSON has
// left room for it.
func (k Key) WithVersionstamp(v Versionstamp) Key {
	return Key(appendString([]byte(k), string(v)))
}

// keyBuilder encodes parts one after the other and keeps the limits.
type keyBuilder struct {
	buf []byte
	n   int // parts in buf
}

func (b *keyBuilder) key() (Key, error) {
	if err := checkPartCount(b.n); err != nil {
		return "", err
	}
	return b.prefix()
}

// prefix is key for something that may have no parts.
func (b *keyBuilder) prefix() (Key, error) {
	if len(b.buf) > MaxKeyBytes {
		return "", errKeyTooLong(len(b.buf))
	}
	return Key(b.buf), nil
}

// begin counts the part that is about to be added.
func (b *keyBuilder) begin() error {
	b.n++
	if b.n > MaxKeyParts {
		return fmt.Errorf("%w: it has more than %d parts", ErrInvalidKey, MaxKeyParts)
	}
	return nil
}

func (b *keyBuilder) add(part any) error {
	if err := b.begin(); err != nil {
		return err
	}
	switch v := part.(type) {
	case string:
		return b.string(v)
	case float64:
		return b.number(v)
	case int:
		return b.integer(int64(v))
	case int64:
		return b.integer(v)
	case bool:
		b.bool(v)
		return nil
	case *big.Int:
		return b.bigInt(v)
	case []byte:
		return b.bytes(v)
	}
	return b.errorf("has type %T, which no key can hold", part)
}

func (b *keyBuilder) string(s string) error {
	if err := checkString(s, b.n); err != nil {
		return err
	}
	b.buf = appendString(b.buf, s)
	return nil
}

func (b *keyBuilder) bytes(data []byte) error {
	if len(data) > MaxBytesPart {
		return errBytesTooLong(b.n, len(data))
	}
	b.buf = append(b.buf, tagBytes)
	for _, c := range data {
		b.buf = append(b.buf, c)
		if c == terminator {
			b.buf = append(b.buf, escape)
		}
	}
	b.buf = append(b.buf, terminator)
	return nil
}

func (b *keyBuilder) number(f float64) error {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return b.errorf("is not a finite number")
	}
	b.buf = appendNumber(b.buf, f)
	return nil
}

func (b *keyBuilder) integer(n int64) error {
	f := float64(n)
	// 2^63 is a double but no int64, and converting it back is not defined.
	if f == 1<<63 || int64(f) != n {
		return b.errorf("is %d, which a number cannot hold exactly; use a bigint or a string", n)
	}
	return b.number(f)
}

func (b *keyBuilder) bool(v bool) {
	if v {
		b.buf = append(b.buf, tagTrue)
		return
	}
	b.buf = append(b.buf, tagFalse)
}

func (b *keyBuilder) bigInt(n *big.Int) error {
	if n == nil {
		return b.errorf("is a nil bigint")
	}
	if size := (n.BitLen() + 7) / 8; size > maxBigIntBytes {
		return b.errorf("is a bigint of %s bytes, at most %d are allowed", grouped(size), maxBigIntBytes)
	}
	b.buf = appendBigInt(b.buf, n)
	return nil
}

// errorf describes what is wrong with the part that was begun last.
func (b *keyBuilder) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: part %d %s", ErrInvalidKey, b.n, fmt.Sprintf(format, args...))
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, tagString)
	for {
		i := strings.IndexByte(s, terminator)
		if i < 0 {
			break
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, terminator, escape)
		s = s[i+1:]
	}
	dst = append(dst, s...)
	return append(dst, terminator)
}

// appendNumber flips the bits of an IEEE double so that unsigned byte order is
// numeric order, with -0 just before 0.
func appendNumber(dst []byte, f float64) []byte {
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits ^= 1 << 63
	}
	return binary.BigEndian.AppendUint64(append(dst, tagNumber), bits)
}

// appendBigInt writes the sign and the length of the magnitude into the tag, then
// the magnitude, complemented if negative, so that longer means further from zero.
func appendBigInt(dst []byte, n *big.Int) []byte {
	size := (n.BitLen() + 7) / 8
	negative := n.Sign() < 0
	switch {
	case negative && size > 8:
		dst = append(dst, tagBigIntNeg, ^byte(size))
	case negative:
		dst = append(dst, tagBigIntZero-byte(size))
	case size > 8:
		dst = append(dst, tagBigIntPos, byte(size))
	default:
		dst = append(dst, tagBigIntZero+byte(size))
	}
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	n.FillBytes(dst[start:])
	if negative {
		complement(dst[start:])
	}
	return dst
}

func complement(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// encodedPart is one part as it stands in a key: its tag and the bytes after it
// without length or terminator; zero bytes of strings and bytes still escaped.
type encodedPart struct {
	tag  byte
	body string
}

// cut splits off the first part of k. It fails if that is incomplete, has an
// unknown tag, or is a number that NewKey would not have encoded so. It does not
// look into strings and bytes.
func (k Key) cut() (first encodedPart, rest Key, ok bool) {
	if k == "" {
		return first, "", false
	}
	first.tag = k[0]
	size, header := 0, 1
	switch tag := k[0]; {
	case tag == tagBytes || tag == tagString:
		end := terminated(string(k[1:]))
		if end < 0 {
			return first, "", false
		}
		first.body = string(k[1 : 1+end])
		return first, k[2+end:], true
	case tag == tagFalse || tag == tagTrue || tag == tagBigIntZero:
		return first, k[1:], true
	case tag == tagNumber:
		size = 8
	case tag > tagBigIntNeg && tag < tagBigIntZero:
		size = tagBigIntZero - int(tag)
	case tag > tagBigIntZero && tag < tagBigIntPos:
		size = int(tag) - tagBigIntZero
	case tag == tagBigIntPos && len(k) > 1:
		size, header = int(k[1]), 2
	case tag == tagBigIntNeg && len(k) > 1:
		size, header = int(^k[1]), 2
	default:
		return first, "", false
	}
	if len(k) < header+size || header == 2 && size <= 8 {
		return first, "", false
	}
	first.body = string(k[header : header+size])
	return first, k[header+size:], !first.hasLeadingZero() && first.isFinite()
}

// terminated returns the index of the terminator in s, or -1.
func terminated(s string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], terminator)
		if i < 0 {
			return -1
		}
		i += from
		if i+1 == len(s) || s[i+1] != escape {
			return i
		}
		from = i + 2
	}
}

func (p encodedPart) isBigInt() bool { return p.tag >= tagBigIntNeg && p.tag <= tagBigIntPos }

// hasLeadingZero reports whether p is a bigint with a longer magnitude than needed.
func (p encodedPart) hasLeadingZero() bool {
	if !p.isBigInt() || p.body == "" {
		return false
	}
	if p.tag < tagBigIntZero {
		return p.body[0] == 0xff
	}
	return p.body[0] == 0
}

// isFinite reports whether p is no number, or one that is neither infinite nor NaN.
func (p encodedPart) isFinite() bool {
	if p.tag != tagNumber {
		return true
	}
	f := p.number()
	return !math.IsInf(f, 0) && !math.IsNaN(f)
}

// validate checks the content of a part that cut has found, the n-th of its key.
func (p encodedPart) validate(n int) error {
	switch p.tag {
	case tagString:
		return checkString(p.text(), n)
	case tagBytes:
		if size := len(p.text()); size > MaxBytesPart {
			return errBytesTooLong(n, size)
		}
	}
	return nil
}

func (p encodedPart) value() any {
	switch {
	case p.tag == tagString:
		return p.text()
	case p.tag == tagBytes:
		return []byte(p.text())
	case p.tag == tagNumber:
		return p.number()
	case p.isBigInt():
		return p.bigInt()
	}
	return p.tag == tagTrue
}

// text is the content of a string or bytes part.
func (p encodedPart) text() string {
	if strings.IndexByte(p.body, terminator) < 0 {
		return p.body
	}
	return strings.ReplaceAll(p.body, "\x00\xff", "\x00")
}

func (p encodedPart) number() float64 {
	var bits uint64
	for i := range 8 {
		bits = bits<<8 | uint64(p.body[i])
	}
	if bits>>63 == 1 {
		return math.Float64frombits(bits ^ 1<<63)
	}
	return math.Float64frombits(^bits)
}

func (p encodedPart) bigInt() *big.Int {
	magnitude := []byte(p.body)
	if p.tag >= tagBigIntZero {
		return new(big.Int).SetBytes(magnitude)
	}
	complement(magnitude)
	n := new(big.Int).SetBytes(magnitude)
	return n.Neg(n)
}

func checkPartCount(n int) error {
	if n == 0 {
		return fmt.Errorf("%w: it has no parts", ErrInvalidKey)
	}
	if n > MaxKeyParts {
		return fmt.Errorf("%w: it has %s parts, at most %d are allowed", ErrInvalidKey, grouped(n), MaxKeyParts)
	}
	return nil
}

func checkString(s string, part int) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: part %d is not valid UTF-8", ErrInvalidKey, part)
	}
	if len(s) <= MaxStringPartRunes {
		return nil
	}
	if n := utf8.RuneCountInString(s); n > MaxStringPartRunes {
		return fmt.Errorf("%w: part %d has %s code points, at most %s are allowed",
			ErrInvalidKey, part, grouped(n), grouped(MaxStringPartRunes))
	}
	return nil
}

func errBytesTooLong(part, size int) error {
	return fmt.Errorf("%w: part %d has %s bytes, at most %s are allowed",
		ErrInvalidKey, part, grouped(size), grouped(MaxBytesPart))
}

func errKeyTooLong(size int) error {
	return fmt.Errorf("%w: it has %s bytes when encoded, at most %s are allowed",
		ErrInvalidKey, grouped(size), grouped(MaxKeyBytes))
}

// grouped writes n with a comma between thousands, for people.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
