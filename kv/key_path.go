package kv

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxSafeInteger is the largest integer below which a double holds every one.
const maxSafeInteger = 1<<53 - 1

// ParseKeyPath parses the URL form of a key, still percent-encoded: parts split
// at "/", where leading, trailing and doubled slashes count for nothing. A part
// is a number if it decodes to a canonical integer within ±(2^53−1), has the type
// that "~s:", "~n:", "~i:", "~b:" or "~x:" at its start says, and is a string
// otherwise. "~k:" and the bytes of a whole key in base64url stand for any key, and are the
// one way for an opaque one. Errors are ErrInvalidKey.
func ParseKeyPath(rawPath string) (Key, error) {
	if text, ok := cutWholeKey(rawPath); ok {
		return parseWholePath(text)
	}
	var buf [128]byte
	b := keyBuilder{buf: buf[:0]}
	if err := b.path(rawPath); err != nil {
		return "", err
	}
	return b.key()
}

// ParsePrefixPath is ParseKeyPath for a prefix, which may have no parts and must not be
// opaque.
func ParsePrefixPath(rawPath string) (Key, error) { return asPrefix(ParseBoundPath(rawPath)) }

// ParseBoundPath is ParseKeyPath for a bound of a list, which may have no parts for none.
func ParseBoundPath(rawPath string) (Key, error) {
	if text, ok := cutWholeKey(rawPath); ok {
		return parseWholePath(text)
	}
	var buf [128]byte
	b := keyBuilder{buf: buf[:0]}
	if err := b.path(rawPath); err != nil {
		return "", err
	}
	return b.prefix()
}

// wholeKey begins the URL form of a key by its bytes.
const wholeKey = "~k:"

// cutWholeKey finds a path that is one part, of that form.
func cutWholeKey(rawPath string) (text string, ok bool) {
	text, ok = strings.CutPrefix(strings.Trim(rawPath, "/"), wholeKey)
	return text, ok && !strings.Contains(text, "/")
}

func parseWholePath(raw string) (Key, error) {
	text, ok := percentDecode(raw)
	if !ok {
		return "", fmt.Errorf("%w: it has a broken percent escape", ErrInvalidKey)
	}
	return parseBase64Key(text)
}

func (b *keyBuilder) path(rawPath string) error {
	for rawPath != "" {
		part, rest, _ := strings.Cut(rawPath, "/")
		rawPath = rest
		if part == "" {
			continue
		}
		if err := b.pathPart(part); err != nil {
			return err
		}
	}
	return nil
}

func (b *keyBuilder) pathPart(raw string) error {
	if err := b.begin(); err != nil {
		return err
	}
	kind := byte(0)
	if len(raw) >= 3 && raw[0] == '~' && raw[2] == ':' && strings.IndexByte("snibxk", raw[1]) >= 0 {
		kind, raw = raw[1], raw[3:]
	}
	part, ok := percentDecode(raw)
	if !ok {
		return b.errorf("has a broken percent escape")
	}
	switch kind {
	case 's':
		return b.string(part)
	case 'n':
		return b.numberText(part)
	case 'i':
		return b.bigIntText(part)
	case 'b':
		return b.boolText(part)
	case 'x':
		return b.bytesText(part)
	case 'k':
		return b.errorf("is a whole key in bytes, and not the only part")
	}
	if n, ok := canonicalInteger(part); ok {
		b.buf = appendNumber(b.buf, float64(n))
		return nil
	}
	return b.string(part)
}

// percentDecode allocates only if there is something to decode.
func percentDecode(s string) (string, bool) {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s, true
	}
	out := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		high, low := unhex(s[i+1]), unhex(s[i+2])
		if high < 0 || low < 0 {
			return "", false
		}
		out = append(out, byte(high<<4|low))
		i += 2
	}
	return string(out), true
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// canonicalInteger reports whether s is "0" or "-?[1-9][0-9]*" within
// ±(2^53−1), the one spelling of an integer that is a number without a type.
func canonicalInteger(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if !isDigits(digits) || len(digits) > 16 || digits[0] == '0' && s != "0" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= -maxSafeInteger && n <= maxSafeInteger
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// numberText adds a number in JSON's spelling. From 2^53 on, where a double holds
// only some of the integers, it must be one of those, however it is written: it
// is refused, not rounded, which would make it another key.
func (b *keyBuilder) numberText(s string) error {
	if !isJSONNumber(s) {
		return b.errorf("is not a number")
	}
	f, err := parseDouble(s)
	if err != nil || math.IsInf(f, 0) {
		return b.errorf("is a number too large for a double")
	}
	if math.Abs(f) > maxSafeInteger && !holdsExactly(f, s) {
		return b.errorf("is a number that a double cannot hold exactly; use a bigint or a string")
	}
	return b.number(f)
}

// parseDouble is strconv.ParseFloat for numbers of any length: that loses count
// of more than 800 digits before the point, and of exponents of six digits.
func parseDouble(s string) (float64, error) {
	const countable = 100
	if len(s) > countable {
		unsigned := strings.TrimPrefix(s, "-")
		significant, exponent := cutDecimal(unsigned)
		s = s[:len(s)-len(unsigned)] + "0." + significant + "e" + strconv.Itoa(exponent+len(significant))
	}
	return strconv.ParseFloat(s, 64)
}

// holdsExactly reports whether f, an integer and the double nearest to s, is s. It
// compares digits, of which f has at most 309, and computes no power of ten.
func holdsExactly(f float64, s string) bool {
	significant, exponent := cutDecimal(strings.TrimPrefix(s, "-"))
	exact, _ := new(big.Float).SetFloat64(math.Abs(f)).Int(nil)
	digits := exact.String()
	return len(digits) == len(significant)+exponent && strings.TrimRight(digits, "0") == significant
}

// isJSONNumber checks JSON's grammar, which is narrower than strconv's.
func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	n := leadingDigits(s)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	s = s[n:]
	if strings.HasPrefix(s, ".") {
		n := leadingDigits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return isDigits(s)
}

func leadingDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func (b *keyBuilder) bigIntText(s string) error {
	digits := strings.TrimPrefix(s, "-")
	if !isDigits(digits) {
		return b.errorf("is a bigint with something else than decimal digits")
	}
	if len(digits) > maxBigIntDigits {
		return b.errorf("is a bigint of %s digits, which need more than %d bytes", grouped(len(digits)), maxBigIntBytes)
	}
	n, _ := new(big.Int).SetString(s, 10)
	return b.bigInt(n)
}

func (b *keyBuilder) boolText(s string) error {
	if s != "true" && s != "false" {
		return b.errorf("is a boolean that is neither true nor false")
	}
	b.bool(s == "true")
	return nil
}

// errBase64 is what the decoder says of no use.
var errBase64 = errors.New("not base64")

// decodeBase64 takes standard base64 and base64url, with and without padding.
func decodeBase64(s string) ([]byte, error) {
	// Go's decoder skips line breaks; the contract knows none.
	if strings.ContainsAny(s, "\r\n") {
		return nil, errBase64
	}
	return base64.RawStdEncoding.DecodeString(urlBase64.Replace(strings.TrimRight(s, "=")))
}

var urlBase64 = strings.NewReplacer("-", "+", "_", "/")

func (b *keyBuilder) bytesText(s string) error {
	// Go's decoder skips line breaks; the contract knows none.
	if strings.ContainsAny(s, "\r\n") {
		return b.errorf("is not base64url")
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return b.errorf("is not base64url")
	}
	return b.bytes(data)
}

// Path is the URL form of k, percent-encoded, which ParseKeyPath parses back to k
// also as an element of a list. It begins with no slash.
func (k Key) Path() string {
	if k.IsOpaque() {
		return wholeKey + base64.RawURLEncoding.EncodeToString([]byte(k))
	}
	dst := make([]byte, 0, len(k)+8)
	for rest := k; rest != ""; {
		p, tail, _ := rest.cut()
		if len(dst) > 0 {
			dst = append(dst, '/')
		}
		dst = p.appendPath(dst, len(p.body)+2 == len(k))
		rest = tail
	}
	return string(dst)
}

func (p encodedPart) appendPath(dst []byte, alone bool) []byte {
	switch {
	case p.tag == tagString:
		return appendStringPath(dst, p.text(), alone)
	case p.tag == tagBytes:
		return base64.RawURLEncoding.AppendEncode(append(dst, "~x:"...), []byte(p.text()))
	case p.tag == tagNumber:
		return appendNumberPath(dst, p.number())
	case p.isBigInt():
		return p.bigInt().Append(append(dst, "~i:"...), 10)
	}
	return strconv.AppendBool(append(dst, "~b:"...), p.tag == tagTrue)
}

func appendStringPath(dst []byte, s string, alone bool) []byte {
	if needsStringType(s, alone) {
		dst = append(dst, "~s:"...)
	}
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; isUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// needsStringType reports whether s would be taken for something else than a
// string part: a number, nothing, a typed part, a relative path that clients and
// proxies resolve, or, as a whole key, a route.
func needsStringType(s string, alone bool) bool {
	switch s {
	case "", ".", "..":
		return true
	case "count", "paginate":
		return alone
	}
	_, isNumber := canonicalInteger(s)
	return isNumber || s[0] == '~'
}

// isUnreserved is RFC 3986's set: bytes that no one needs to escape.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func appendNumberPath(dst []byte, f float64) []byte {
	start := len(dst)
	dst = appendFloat(dst, f)
	if _, ok := canonicalInteger(string(dst[start:])); ok {
		return dst
	}
	return appendFloat(append(dst[:start], "~n:"...), f)
}
