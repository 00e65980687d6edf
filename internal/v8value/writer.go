package v8value

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/buntime/keyval/internal/strictjson"
)

// writer writes a JSON text as V8 would serialise what JSON.parse makes of it. It
// takes the text for valid; of another it writes something that V8 can read or not,
// and comes to an end.
type writer struct {
	in    []byte
	pos   int
	out   []byte
	start int // where out begins to be ours
	depth int

	members []member // of the objects that are being written
	room    [16]member
}

func appendPlain(dst, stored []byte) []byte {
	w := writer{in: stored, out: append(dst, tagVersion, writtenVersion), start: len(dst)}
	w.members = w.room[:0]
	w.value()
	return w.out
}

// peek is the next byte that is no white space, or 0 at the end.
func (w *writer) peek() byte {
	for ; w.pos < len(w.in); w.pos++ {
		switch c := w.in[w.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (w *writer) value() {
	switch w.peek() {
	case '{':
		w.nested((*writer).object)
	case '[':
		w.nested((*writer).array)
	case '"':
		w.string(w.quoted())
	case 't':
		w.word(tagTrue, "true")
	case 'f':
		w.word(tagFalse, "false")
	case 'n':
		w.word(tagNull, "null")
	default:
		w.number()
	}
}

// nested writes a container, but null for one that no valid text has so deep.
func (w *writer) nested(container func(*writer)) {
	if w.depth == strictjson.MaxDepth {
		w.abandon()
		return
	}
	w.depth++
	w.advance(1)
	container(w)
	w.depth--
}

func (w *writer) word(tag byte, word string) {
	w.out = append(w.out, tag)
	w.advance(len(word))
}

func (w *writer) advance(n int) { w.pos = min(w.pos+n, len(w.in)) }

// abandon ends a text that is not valid.
func (w *writer) abandon() { w.word(tagNull, string(w.in[w.pos:])) }

func (w *writer) number() {
	begin := w.pos
	for w.pos < len(w.in) && isNumberByte(w.in[w.pos]) {
		w.pos++
	}
	token := w.in[begin:w.pos]
	if len(token) == 0 {
		w.abandon()
		return
	}
	w.float(parseNumber(token))
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// parseNumber is the double nearest to token, which may be Infinity.
func parseNumber(token []byte) float64 {
	if n, ok := parseIndex(token); ok {
		return float64(n)
	}
	f, _ := strconv.ParseFloat(string(token), 64)
	return f
}

// float writes f as V8 does a small integer, or else in full.
func (w *writer) float(f float64) {
	if i := int32(f); float64(i) == f && (i != 0 || !math.Signbit(f)) {
		w.out = append(w.out, tagInt32)
		w.varint(uint32(i)<<1 ^ uint32(i>>31))
		return
	}
	w.out = append(w.out, tagDouble)
	w.out = binary.LittleEndian.AppendUint64(w.out, math.Float64bits(f))
}

func (w *writer) varint(n uint32) { w.out = binary.AppendUvarint(w.out, uint64(n)) }

// quoted reads a string and returns what stands between its quotes.
func (w *writer) quoted() []byte {
	w.advance(1)
	begin, end := w.pos, min(strictjson.StringEnd(w.in, w.pos), len(w.in))
	w.pos = end
	w.advance(1)
	return w.in[begin:end]
}

// string writes a string with one byte a character if that is enough for each, and
// otherwise in UTF-16, at an even offset as V8 wants it.
func (w *writer) string(quoted []byte) {
	if isPlain(quoted) {
		w.out = append(w.out, tagOneByte)
		w.varint(uint32(len(quoted)))
		w.out = append(w.out, quoted...)
		return
	}
	units, narrow := measure(quoted)
	if narrow {
		w.out = append(w.out, tagOneByte)
		w.varint(uint32(units))
		w.narrow(quoted)
		return
	}
	if (len(w.out)-w.start+1+uvarintLen(2*units))%2 != 0 {
		w.out = append(w.out, tagPadding)
	}
	w.out = append(w.out, tagTwoByte)
	w.varint(uint32(2 * units))
	w.wide(quoted)
}

func isPlain(quoted []byte) bool {
	for _, c := range quoted {
		if !plain[c] {
			return false
		}
	}
	return true
}

func uvarintLen(n int) int {
	length := 1
	for ; n >= 0x80; n >>= 7 {
		length++
	}
	return length
}

func (w *writer) narrow(quoted []byte) {
	for len(quoted) > 0 {
		r, size := decodeJSON(quoted)
		w.out = append(w.out, byte(r))
		quoted = quoted[size:]
	}
}

func (w *writer) wide(quoted []byte) {
	for len(quoted) > 0 {
		r, size := decodeJSON(quoted)
		if r > 0xffff {
			r -= 0x10000
			w.out = binary.LittleEndian.AppendUint16(w.out, uint16(0xd800+r>>10))
			r = 0xdc00 + r&0x3ff
		}
		w.out = binary.LittleEndian.AppendUint16(w.out, uint16(r))
		quoted = quoted[size:]
	}
}

// measure counts the UTF-16 units of a string and tells whether each is below 256.
func measure(quoted []byte) (units int, narrow bool) {
	narrow = true
	for len(quoted) > 0 {
		r, size := decodeJSON(quoted)
		narrow = narrow && r < 0x100
		if units++; r > 0xffff {
			units++
		}
		quoted = quoted[size:]
	}
	return units, narrow
}

// decodeJSON is the first character of what stands between quotes, and how many bytes
// it takes. A surrogate is one if it is alone.
func decodeJSON(quoted []byte) (r rune, size int) {
	if quoted[0] != '\\' {
		return utf8.DecodeRune(quoted)
	}
	if len(quoted) == 1 {
		return utf8.RuneError, 1
	}
	switch c := quoted[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return decodeEscape(quoted)
	default:
		return rune(c), 2
	}
}

// decodeEscape is decodeJSON of \uXXXX, or two of them that are one character.
func decodeEscape(quoted []byte) (r rune, size int) {
	const length = len(`\uXXXX`)
	r = hexUnit(quoted)
	if utf16.IsSurrogate(r) && len(quoted) >= 2*length && quoted[length] == '\\' && quoted[length+1] == 'u' {
		if pair := utf16.DecodeRune(r, hexUnit(quoted[length:])); pair != utf8.RuneError {
			return pair, 2 * length
		}
	}
	return r, min(length, len(quoted))
}

// hexUnit is the XXXX of \uXXXX.
func hexUnit(escape []byte) rune {
	n, _ := strconv.ParseUint(string(escape[2:min(6, len(escape))]), 16, 16)
	return rune(n)
}

// array writes an array. Its length stands before its elements, and is known after
// them: there is room for one of less than 128.
func (w *writer) array() {
	at := len(w.out) + 1
	w.out = append(w.out, tagDense, 0)
	length := uint32(0)
	for c := w.peek(); c != ']' && c != 0; length++ {
		w.value()
		if c = w.peek(); c == ',' {
			w.advance(1)
			c = w.peek()
		} else if c != ']' {
			w.abandon()
		}
	}
	w.advance(1)
	w.setLength(at, length)
	w.out = append(w.out, tagDenseEnd, 0)
	w.varint(length)
}

// setLength writes the length of an array where room for one byte was left. What
// follows moves by an even number of bytes, so that its strings stay at even offsets.
func (w *writer) setLength(at int, length uint32) {
	if length < 0x80 {
		w.out[at] = byte(length)
		return
	}
	var room [6]byte
	head := binary.AppendUvarint(room[:0], uint64(length))
	if len(head)%2 == 0 {
		head = append(head, tagPadding)
	}
	w.out = slices.Replace(w.out, at, at+1, head...)
}
