package kv

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/internal/strictjson"
)

// ParseKeyJSON parses the JSON form of a key: an array of strings, numbers,
// booleans, {"__type":"bigint","value":"123"} and {"__type":"bytes",
// "value":"<base64url>"}, the latter two also as {"type":"bigint",…} and
// {"type":"Uint8Array",…}; or, for any key and the one way for an opaque one, its bytes,
// {"__type":"key","value":"<base64>"}. Errors are ErrInvalidKey, or ErrInvalidJSON if raw
// is not JSON.
func ParseKeyJSON(raw []byte) (Key, error) {
	var buf [128]byte
	p := keyJSON{keyBuilder: keyBuilder{buf: buf[:0]}, raw: raw}
	if p.isObject() {
		return p.whole()
	}
	if err := p.array(); err != nil {
		return "", err
	}
	return p.key()
}

// ParsePrefixJSON is ParseKeyJSON for a prefix, which may be [] and must not be opaque.
func ParsePrefixJSON(raw []byte) (Key, error) { return asPrefix(ParseBoundJSON(raw)) }

// ParseBoundJSON is ParseKeyJSON for a bound of a list, which may be [] for none.
func ParseBoundJSON(raw []byte) (Key, error) {
	var buf [128]byte
	p := keyJSON{keyBuilder: keyBuilder{buf: buf[:0]}, raw: raw}
	if p.isObject() {
		return p.whole()
	}
	if err := p.array(); err != nil {
		return "", err
	}
	return p.prefix()
}

// ParseSetKeyJSON is ParseKeyJSON for the key of a set in an atomic operation,
// whose last part may be {"__type":"commitVersionstamp"}. If it is, suffix is
// true and the result is the key without that part, for Key.WithVersionstamp to
// complete; its limits hold for the completed key.
func ParseSetKeyJSON(raw []byte) (k Key, suffix bool, err error) {
	var buf [128]byte
	p := keyJSON{keyBuilder: keyBuilder{buf: buf[:0]}, raw: raw, suffixAllowed: true}
	if p.isObject() {
		k, err = p.whole()
		return k, false, err
	}
	if err := p.array(); err != nil {
		return "", false, err
	}
	if !p.suffix {
		k, err = p.key()
		return k, false, err
	}
	const suffixBytes = 1 + versionstampDigits + 1 // tag, digits, terminator
	if size := len(p.buf) + suffixBytes; size > MaxKeyBytes {
		return "", false, errKeyTooLong(size)
	}
	k, err = p.prefix()
	return k, true, err
}

// keyJSON parses the JSON form. Keys are short and on every request, so it reads
// the usual parts itself, straight into the encoding, and leaves what is rare
// (escapes, objects) to jsontext.
type keyJSON struct {
	keyBuilder
	raw           []byte
	pos           int
	suffixAllowed bool // commitVersionstamp may be the last part
	suffix        bool // and it was; it counts in n, and is not in buf
}

func (p *keyJSON) isObject() bool {
	p.space()
	return p.peek() == '{'
}

// whole parses a key that is given by its bytes.
func (p *keyJSON) whole() (Key, error) {
	form, err := p.typedForm()
	if err == nil {
		err = p.end()
	}
	if err != nil || form.modern != "key" || form.original != "" || !form.hasValue {
		return "", p.notAnArray()
	}
	return parseBase64Key(form.value)
}

// parseBase64Key takes standard base64 and base64url, with and without padding.
func parseBase64Key(text string) (Key, error) {
	raw, err := decodeBase64(text)
	if err != nil {
		return "", fmt.Errorf("%w: it is not base64", ErrInvalidKey)
	}
	return ParseBytes(raw)
}

// asPrefix refuses an opaque key: nothing is below it.
func asPrefix(k Key, err error) (Key, error) {
	if err == nil && k.IsOpaque() {
		return "", fmt.Errorf("%w: a prefix has parts, and these bytes are none", ErrInvalidKey)
	}
	return k, err
}

func (p *keyJSON) array() error {
	p.space()
	if p.peek() != '[' {
		return p.notAnArray()
	}
	p.pos++
	if p.space(); p.peek() == ']' {
		p.pos++
		return p.end()
	}
	for {
		if err := p.part(); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return p.end()
		default:
			return p.broken()
		}
	}
}

func (p *keyJSON) end() error {
	if p.space(); p.pos != len(p.raw) {
		return p.broken()
	}
	return nil
}

func (p *keyJSON) part() error {
	if p.suffix {
		return fmt.Errorf("%w: part %d is a commitVersionstamp and not the last part", ErrInvalidKey, p.n)
	}
	if err := p.begin(); err != nil {
		return err
	}
	p.space()
	switch c := p.peek(); {
	case c == '"':
		return p.stringPart()
	case c == '-' || c >= '0' && c <= '9':
		return p.numberPart()
	case c == 't' || c == 'f':
		return p.boolPart()
	case c == '{':
		return p.objectPart()
	case c == '[' || c == 'n':
		return p.errorf("must be a string, number, boolean, bigint or bytes")
	}
	return p.broken()
}

func (p *keyJSON) stringPart() error {
	plain := true // ASCII, so that nothing is left to check
	for i := p.pos + 1; i < len(p.raw); i++ {
		switch c := p.raw[i]; {
		case c == '"':
			text := p.raw[p.pos+1 : i]
			if !plain && !utf8.Valid(text) {
				return p.notUTF8()
			}
			p.pos = i + 1
			return p.plainString(text)
		case c == '\\':
			return p.escapedString()
		case c < ' ':
			return p.broken()
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	return p.broken()
}

// plainString adds valid UTF-8 without a zero byte, which JSON can only escape.
func (p *keyJSON) plainString(text []byte) error {
	if len(text) > MaxStringPartRunes {
		return p.string(string(text))
	}
	p.buf = append(p.buf, tagString)
	p.buf = append(p.buf, text...)
	p.buf = append(p.buf, terminator)
	return nil
}

func (p *keyJSON) escapedString() error {
	end := p.pos + 1
	for end < len(p.raw) && p.raw[end] != '"' {
		if p.raw[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.raw) {
		return p.broken()
	}
	quoted := p.raw[p.pos : end+1]
	text, err := jsontext.AppendUnquote(nil, quoted)
	switch {
	case err == nil:
		p.pos = end + 1
		return p.string(string(text))
	case !utf8.Valid(quoted):
		return p.notUTF8()
	case jsontext.Value(quoted).IsValid(keepAll...):
		return p.errorf("has the escape of a lone surrogate, which is no character")
	}
	return p.broken()
}

func (p *keyJSON) notUTF8() error {
	return fmt.Errorf("%w: key part %d is not valid UTF-8", ErrInvalidJSON, p.n)
}

func (p *keyJSON) numberPart() error {
	start := p.pos
	for p.pos < len(p.raw) && isNumberByte(p.raw[p.pos]) {
		p.pos++
	}
	token := p.raw[start:p.pos]
	if len(token) <= 15 { // small enough for an integer to be exact
		if n, ok := canonicalInteger(string(token)); ok {
			p.buf = appendNumber(p.buf, float64(n))
			return nil
		}
	}
	if !isJSONNumber(string(token)) {
		return p.broken()
	}
	return p.numberText(string(token))
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (p *keyJSON) boolPart() error {
	for _, v := range [...]bool{true, false} {
		if word := strconv.FormatBool(v); bytes.HasPrefix(p.raw[p.pos:], []byte(word)) {
			p.pos += len(word)
			p.bool(v)
			return nil
		}
	}
	return p.broken()
}

func (p *keyJSON) objectPart() error {
	form, err := p.typedForm()
	if err != nil {
		return err
	}
	return p.typed(form)
}

// A typedForm is what JSON has no type for.
type typedForm struct {
	modern, original string // its type, as __type or type
	value            string
	hasValue         bool
}

// typedForm parses an object of strings with no other members than its type and its
// value.
func (p *keyJSON) typedForm() (form typedForm, err error) {
	// What a lone surrogate becomes is no name, type or value that a part can have.
	dec := jsontext.NewDecoder(bytes.NewReader(p.raw[p.pos:]), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return form, p.broken()
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return form, p.brokenBy(err)
		}
		member := name.String() // the token is void after the next read
		content, err := dec.ReadToken()
		if err != nil {
			return form, p.brokenBy(err)
		}
		if content.Kind() != '"' {
			return form, p.errorf("is an object whose member %.40q is no string", member)
		}
		switch member {
		case "__type":
			form.modern = content.String()
		case "type":
			form.original = content.String()
		case "value":
			form.value, form.hasValue = content.String(), true
		default:
			return form, p.errorf("is an object with the unknown member %.40q", member)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return form, p.brokenBy(err)
	}
	p.pos += int(dec.InputOffset())
	return form, nil
}

func (p *keyJSON) typed(form typedForm) error {
	modern, original := form.modern, form.original
	if modern != "" && original != "" {
		return p.errorf("has both __type and type")
	}
	if modern == "commitVersionstamp" && !form.hasValue {
		if !p.suffixAllowed {
			return p.errorf("is a commitVersionstamp, which only a set in an atomic operation or transaction may have")
		}
		p.suffix = true
		return nil
	}
	if !form.hasValue {
		return p.errorf("is an object without a value")
	}
	switch {
	case modern == "bigint" || original == "bigint":
		return p.bigIntText(form.value)
	case modern == "bytes" || original == "Uint8Array":
		return p.bytesText(form.value)
	}
	return p.errorf("has an unknown type")
}

func (p *keyJSON) space() {
	for p.pos < len(p.raw) {
		switch p.raw[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return
		}
	}
}

// peek is the next byte, or 0 at the end, which no JSON has.
func (p *keyJSON) peek() byte {
	if p.pos < len(p.raw) {
		return p.raw[p.pos]
	}
	return 0
}

func (p *keyJSON) notAnArray() error {
	if jsontext.Value(p.raw).IsValid(jsontext.AllowDuplicateNames(true)) {
		return fmt.Errorf("%w: it must be an array of parts", ErrInvalidKey)
	}
	return p.broken()
}

func (p *keyJSON) broken() error {
	if p.pos >= len(p.raw) {
		return fmt.Errorf("%w: the key ends early", ErrInvalidJSON)
	}
	return fmt.Errorf("%w: byte %d of the key", ErrInvalidJSON, p.pos)
}

// brokenBy is broken where an error of jsontext's, of what begins at pos, says.
func (p *keyJSON) brokenBy(err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		p.pos += int(syntax.ByteOffset)
	}
	return p.broken()
}

// AppendJSON appends the JSON form that answers use, without white space:
// ["a",1,{"__type":"bigint","value":"2"}], or of an opaque key its bytes,
// {"__type":"key","value":"AgH/"}. ParseKeyJSON parses it back to k.
func (k Key) AppendJSON(dst []byte) []byte {
	if array, ok := k.appendArray(dst); ok {
		return array
	}
	dst = append(dst, `{"__type":"key","value":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(k))
	return append(dst, `"}`...)
}

// appendArray fails for an opaque key. It finds that out by the way: see check.
func (k Key) appendArray(dst []byte) (array []byte, ok bool) {
	if len(k) > MaxKeyBytes {
		return nil, false
	}
	dst = append(dst, '[')
	n := 0
	for rest := k; rest != ""; {
		p, tail, ok := rest.cut()
		if n++; !ok || n > MaxKeyParts || p.validate(n) != nil {
			return nil, false
		}
		if n > 1 {
			dst = append(dst, ',')
		}
		dst = p.appendJSON(dst)
		rest = tail
	}
	return append(dst, ']'), true
}

// MarshalJSON returns the JSON form of AppendJSON.
func (k Key) MarshalJSON() ([]byte, error) {
	return k.AppendJSON(make([]byte, 0, len(k)+16)), nil
}

// String is the JSON form, for messages and logs.
func (k Key) String() string { return string(k.AppendJSON(nil)) }

func (p encodedPart) appendJSON(dst []byte) []byte {
	switch {
	case p.tag == tagString:
		return appendQuoted(dst, p.text())
	case p.tag == tagBytes:
		dst = append(dst, `{"__type":"bytes","value":"`...)
		dst = base64.RawURLEncoding.AppendEncode(dst, []byte(p.text()))
		return append(dst, `"}`...)
	case p.tag == tagNumber:
		return appendFloat(dst, p.number())
	case p.isBigInt():
		dst = append(dst, `{"__type":"bigint","value":"`...)
		dst = p.bigInt().Append(dst, 10)
		return append(dst, `"}`...)
	}
	return strconv.AppendBool(dst, p.tag == tagTrue)
}

// appendQuoted writes a JSON string and escapes only what must be escaped.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, c)
		start = i + 1
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// appendFloat writes f as JSON.stringify does, with two exceptions that keep it
// the same key when it comes back: -0 keeps its sign, and an integer from 2^53
// has all its digits, because JSON.stringify rounds them to others.
func appendFloat(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case abs < maxSafeInteger && f == math.Trunc(f) && (f != 0 || !math.Signbit(f)):
		return strconv.AppendInt(dst, int64(f), 10)
	case abs > maxSafeInteger:
		return strconv.AppendFloat(dst, f, 'f', 0, 64)
	case abs != 0 && abs < 1e-6:
		return strictjson.AppendExponent(dst, f)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}
