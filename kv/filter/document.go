package filter

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// A value is JSON text within a document; none for what is missing.
type value []byte

// absent tells whether there is nothing or null.
func (v value) absent() bool { return len(v) == 0 || v[0] == 'n' }

func (v value) isText() bool   { return len(v) > 0 && v[0] == '"' }
func (v value) isArray() bool  { return len(v) > 0 && v[0] == '[' }
func (v value) isObject() bool { return len(v) > 0 && v[0] == '{' }

// boolean is what v is, if it is one.
func (v value) boolean() (b, ok bool) {
	if len(v) == 0 {
		return false, false
	}
	return v[0] == 't', v[0] == 't' || v[0] == 'f'
}

// text is what a string holds.
func (v value) text() string { return unquote(v) }

// find is the value at the path.
func (p Path) find(document []byte) value {
	v := value(document)
	for _, s := range p.steps {
		if v = s.of(v); v == nil {
			return nil
		}
	}
	return v
}

func (s step) of(v value) value {
	if s.index >= 0 {
		return v.element(s.index)
	}
	return v.member(s.name)
}

// member is the first of its name, as for SQLite.
func (v value) member(name string) (found value) {
	v.members(func(raw, member value) bool {
		if isLabel(raw, name) {
			found = member
		}
		return found == nil
	})
	return found
}

// isLabel compares a member's name as SQLite does: one with an escaped NUL ends there.
func isLabel(raw value, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == name
	}
	label := unquote(raw)
	if i := bytes.IndexByte([]byte(label), 0); i >= 0 {
		label = label[:i]
	}
	return label == name
}

func (v value) element(index int) (found value) {
	v.elements(func(element value) bool {
		if index == 0 {
			found = element
		}
		index--
		return index >= 0
	})
	return found
}

// members calls f for each of an object's, with the name in quotes, while it returns true.
func (v value) members(f func(name, member value) bool) {
	if !v.isObject() {
		return
	}
	for i := 1; i < len(v) && v[i] == '"'; i++ {
		colon := v.end(i)
		end := v.end(colon + 1)
		if colon >= end || end >= len(v) {
			return // not from ParseValue
		}
		if !f(v[i:colon], v[colon+1:end]) {
			return
		}
		i = end
	}
}

// elements calls f for each of an array's while it returns true.
func (v value) elements(f func(element value) bool) {
	if !v.isArray() {
		return
	}
	for i := 1; i < len(v) && v[i] != ']'; i++ {
		end := v.end(i)
		if !f(v[i:end]) {
			return
		}
		i = end
	}
}

// end is where the value that begins at i ends.
func (v value) end(i int) int {
	for depth := 0; i < len(v); i++ {
		switch v[i] {
		case '"':
			i = v.quote(i)
			if depth == 0 {
				return min(i+1, len(v))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				if depth == 0 {
					i++
				}
				return i
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(v)
}

// quote is where the string that begins at i has its last quote.
func (v value) quote(i int) int {
	for i++; i < len(v) && v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i
}

// unquote is what a JSON string holds. The escape of a lone surrogate becomes the three
// bytes that UTF-8 would have for it, as in SQLite, so that it equals no character.
func unquote(quoted []byte) string {
	if len(quoted) < 2 {
		return ""
	}
	s := quoted[1 : len(quoted)-1]
	i := bytes.IndexByte(s, '\\')
	if i < 0 {
		return string(s)
	}
	out := make([]byte, 0, len(s))
	for i >= 0 && i+1 < len(s) {
		out = append(out, s[:i]...)
		out, s = appendEscape(out, s[i:])
		i = bytes.IndexByte(s, '\\')
	}
	return string(append(out, s...))
}

// appendEscape appends what the escape at the start of s means, and returns what is left.
func appendEscape(out, s []byte) (appended, rest []byte) {
	switch c := s[1]; c {
	case 'b':
		return append(out, '\b'), s[2:]
	case 'f':
		return append(out, '\f'), s[2:]
	case 'n':
		return append(out, '\n'), s[2:]
	case 'r':
		return append(out, '\r'), s[2:]
	case 't':
		return append(out, '\t'), s[2:]
	case 'u':
		return appendUnicode(out, s)
	default:
		return append(out, c), s[2:]
	}
}

func appendUnicode(out, s []byte) (appended, rest []byte) {
	r, ok := hex4(s)
	if !ok {
		return out, nil
	}
	s = s[6:]
	if low, ok := hex4(s); ok && isHigh(r) && isLow(low) {
		return utf8.AppendRune(out, 0x10000+(r-0xd800)<<10+(low-0xdc00)), s[6:]
	}
	if isHigh(r) || isLow(r) {
		return append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f)), s
	}
	return utf8.AppendRune(out, r), s
}

func isHigh(r rune) bool { return r>>10 == 0xd800>>10 }
func isLow(r rune) bool  { return r>>10 == 0xdc00>>10 }

// hex4 is the number in an escape at the start of s.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 32)
	return rune(n), err == nil
}
