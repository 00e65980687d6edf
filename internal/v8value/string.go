package v8value

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// text is a string as V8 has it: raw bytes, which tag says how to read.
type text struct {
	tag byte // tagOneByte, tagTwoByte or tagUTF8
	raw []byte
}

// isExact tells whether JSON can hold t: not if it has a lone surrogate, or bytes in
// place of which V8 reads U+FFFD.
func (t text) isExact() bool {
	switch t.tag {
	case tagTwoByte:
		return !t.hasLoneSurrogate()
	case tagUTF8:
		return utf8.Valid(t.raw)
	}
	return true
}

func (t text) hasLoneSurrogate() bool {
	for rest := t.raw; len(rest) > 1; {
		r, size := decodeUTF16(rest)
		if utf16.IsSurrogate(r) {
			return true
		}
		rest = rest[size:]
	}
	return false
}

// decodeUTF16 is the first character of raw, which has at least two bytes, and its
// size. A lone surrogate counts as one.
func decodeUTF16(raw []byte) (r rune, size int) {
	r = unit(raw)
	if utf16.IsSurrogate(r) && len(raw) >= 4 {
		if pair := utf16.DecodeRune(r, unit(raw[2:])); pair != utf8.RuneError {
			return pair, 4
		}
	}
	return r, 2
}

func unit(raw []byte) rune { return rune(raw[0]) | rune(raw[1])<<8 }

// clip is t with at most n bytes, and never half a unit.
func (t text) clip(n int) text {
	if len(t.raw) > n {
		t.raw = t.raw[:n&^1]
	}
	return t
}

// appendJSON appends t as a JSON string; a lone surrogate is an escape.
func (t text) appendJSON(dst []byte) []byte {
	dst = append(dst, '"')
	switch t.tag {
	case tagOneByte:
		dst = appendLatin1(dst, t.raw)
	case tagTwoByte:
		dst = appendUTF16(dst, t.raw)
	default:
		dst = appendUTF8(dst, t.raw)
	}
	return append(dst, '"')
}

// plain tells the bytes that stand for themselves in a JSON string.
var plain = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

func appendLatin1(dst, raw []byte) []byte {
	for {
		n := 0
		for n < len(raw) && plain[raw[n]] {
			n++
		}
		dst = append(dst, raw[:n]...)
		if n == len(raw) {
			return dst
		}
		dst = appendRune(dst, rune(raw[n]))
		raw = raw[n+1:]
	}
}

func appendUTF16(dst, raw []byte) []byte {
	for len(raw) > 1 {
		r, size := decodeUTF16(raw)
		dst = appendRune(dst, r)
		raw = raw[size:]
	}
	return dst
}

func appendUTF8(dst, raw []byte) []byte {
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		dst = appendRune(dst, r)
		raw = raw[size:]
	}
	return dst
}

// appendRune appends r as it stands in a JSON string.
func appendRune(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch {
	case r < utf8.RuneSelf && plain[r]:
		return append(dst, byte(r))
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r < ' ':
		if i := bytes.IndexByte([]byte("\b\t\n\f\r"), byte(r)); i >= 0 {
			return append(dst, '\\', "btnfr"[i])
		}
		return append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
	case utf16.IsSurrogate(r):
		return append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	return utf8.AppendRune(dst, r)
}

// appendRaw appends t in UTF-8, without quotes and escapes. A lone surrogate becomes
// three bytes as in WTF-8, so that two texts are equal if their bytes are.
func (t text) appendRaw(dst []byte) []byte {
	switch t.tag {
	case tagOneByte:
		for _, c := range t.raw {
			dst = utf8.AppendRune(dst, rune(c))
		}
	case tagTwoByte:
		for rest := t.raw; len(rest) > 1; {
			r, size := decodeUTF16(rest)
			dst = appendWTF8(dst, r)
			rest = rest[size:]
		}
	default:
		for _, r := range string(t.raw) {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func appendWTF8(dst []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
	}
	return utf8.AppendRune(dst, r)
}

// textAfter reads the string that follows its tag.
func (in *input) textAfter(tag byte) (text, bool) {
	raw, ok := in.counted()
	if tag == tagTwoByte && len(raw)%2 != 0 {
		return text{}, false
	}
	return text{tag, raw}, ok
}
