package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxSafeInteger is the largest integer below which a double holds every one.
const maxSafeInteger = 1<<53 - 1

// Key is a key or a prefix: up to 20 parts, each a string, float64, int, int64,
// bool, *big.Int or []byte. Parts of answers have the types string, float64,
// bool, *big.Int and []byte, or there is one alone, of type Opaque. The last part of a
// set's key may be CommitVersionstamp. The server checks the limits.
type Key []any

// CommitVersionstamp becomes, as the last part of the key of a set in an atomic
// operation or transaction, a string part with the versionstamp of the commit.
type CommitVersionstamp struct{}

// Opaque are the bytes of a whole key, which has no other part: of one that no parts
// make, as Deno's KV Connect may have stored it. What is below it is nothing.
type Opaque []byte

// MarshalJSON makes the JSON form; a nil Key is [].
func (k Key) MarshalJSON() ([]byte, error) {
	if whole, ok := k.opaque(); ok {
		return []byte(`{"__type":"key","value":"` + base64.StdEncoding.EncodeToString(whole) + `"}`), nil
	}
	out := []byte{'['}
	for i, part := range k {
		if i > 0 {
			out = append(out, ',')
		}
		text, err := partJSON(part)
		if err != nil {
			return nil, fmt.Errorf("key part %d: %w", i+1, err)
		}
		out = append(out, text...)
	}
	return append(out, ']'), nil
}

// opaque are the bytes of a key that is given by them.
func (k Key) opaque() (whole Opaque, ok bool) {
	if len(k) == 1 {
		whole, ok = k[0].(Opaque)
	}
	return whole, ok
}

// typedPart is the JSON form of the types that JSON does not have.
type typedPart struct {
	Type  string `json:"__type"`
	Value string `json:"value,omitempty"`
}

func partJSON(part any) ([]byte, error) {
	switch v := part.(type) {
	case string:
		return quote(v)
	case bool:
		return strconv.AppendBool(nil, v), nil
	case int, int64, float64:
		text, err := numberText(v)
		return []byte(text), err
	case *big.Int:
		if v == nil {
			return nil, errNilBigInt
		}
		return []byte(`{"__type":"bigint","value":"` + v.String() + `"}`), nil
	case []byte:
		return []byte(`{"__type":"bytes","value":"` + base64.RawURLEncoding.EncodeToString(v) + `"}`), nil
	case Opaque:
		return nil, errNotAlone
	case CommitVersionstamp:
		return []byte(`{"__type":"commitVersionstamp"}`), nil
	}
	return nil, errPartType(part)
}

// quote makes a JSON string without escaping what is safe outside of HTML.
func quote(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errNotUTF8
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// numberText writes a number so that it is the same key on the server: it takes
// no integer that a double cannot hold exactly, so those from 2^53 need all of
// their digits.
func numberText(number any) (string, error) {
	var f float64
	switch v := number.(type) {
	case float64:
		f = v
	case int:
		return integerText(int64(v))
	case int64:
		return integerText(v)
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return "", fmt.Errorf("%v is not a finite number", f)
	}
	if math.Abs(f) > maxSafeInteger {
		return strconv.FormatFloat(f, 'f', 0, 64), nil
	}
	text, err := json.Marshal(f)
	return string(text), err
}

func integerText(n int64) (string, error) {
	// 2^63 is a double but no int64, and converting it back is not defined.
	if f := float64(n); f == 1<<63 || int64(f) != n {
		return "", fmt.Errorf("a number cannot hold %d exactly; use a *big.Int or a string", n)
	}
	return strconv.FormatInt(n, 10), nil
}

// UnmarshalJSON parses the JSON form as answers have it.
func (k *Key) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '{' {
		whole, err := parseOpaque(raw)
		if err == nil {
			*k = Key{whole}
		}
		return err
	}
	var texts []json.RawMessage
	if err := json.Unmarshal(raw, &texts); err != nil {
		return err
	}
	if texts == nil {
		*k = nil // null
		return nil
	}
	parts := make(Key, len(texts))
	for i, text := range texts {
		part, err := parsePart(text)
		if err != nil {
			return fmt.Errorf("key part %d: %w", i+1, err)
		}
		parts[i] = part
	}
	*k = parts
	return nil
}

func parseOpaque(raw []byte) (Opaque, error) {
	var typed typedPart
	if err := json.Unmarshal(raw, &typed); err != nil {
		return nil, err
	}
	if typed.Type != "key" {
		return nil, fmt.Errorf("unknown type %.40q of a key", typed.Type)
	}
	return base64.StdEncoding.DecodeString(typed.Value)
}

func parsePart(text []byte) (any, error) {
	if text[0] == '{' {
		return parseTypedPart(text)
	}
	var part any
	if err := json.Unmarshal(text, &part); err != nil {
		return nil, err
	}
	switch part.(type) {
	case string, float64, bool:
		return part, nil
	}
	return nil, fmt.Errorf("%.40s is not a key part", text)
}

func parseTypedPart(text []byte) (any, error) {
	var typed typedPart
	if err := json.Unmarshal(text, &typed); err != nil {
		return nil, err
	}
	switch typed.Type {
	case "bigint":
		if n, ok := new(big.Int).SetString(typed.Value, 10); ok {
			return n, nil
		}
		return nil, errors.New("not a bigint")
	case "bytes":
		return base64.RawURLEncoding.DecodeString(strings.TrimRight(typed.Value, "="))
	case "commitVersionstamp":
		return CommitVersionstamp{}, nil
	}
	return nil, fmt.Errorf("unknown type %.40q", typed.Type)
}

// Path makes the URL form, percent-encoded, for a path or, escaped once more as
// all query strings are, for a parameter; it can be an element of a
// comma-separated list. CommitVersionstamp has no URL form.
func (k Key) Path() (string, error) {
	if whole, ok := k.opaque(); ok {
		return "~k:" + base64.RawURLEncoding.EncodeToString(whole), nil
	}
	parts := make([]string, len(k))
	for i, part := range k {
		text, err := partPath(part, len(k) == 1)
		if err != nil {
			return "", fmt.Errorf("key part %d: %w", i+1, err)
		}
		parts[i] = text
	}
	return strings.Join(parts, "/"), nil
}

func partPath(part any, alone bool) (string, error) {
	switch v := part.(type) {
	case string:
		if !utf8.ValidString(v) {
			return "", errNotUTF8
		}
		return stringPath(v, alone), nil
	case bool:
		return "~b:" + strconv.FormatBool(v), nil
	case int, int64, float64:
		return numberPath(v)
	case *big.Int:
		if v == nil {
			return "", errNilBigInt
		}
		return "~i:" + v.String(), nil
	case []byte:
		return "~x:" + base64.RawURLEncoding.EncodeToString(v), nil
	case Opaque:
		return "", errNotAlone
	}
	return "", errPartType(part)
}

func stringPath(s string, alone bool) string {
	var out strings.Builder
	if needsStringType(s, alone) {
		out.WriteString("~s:")
	}
	for i := range len(s) {
		if c := s[i]; isUnreserved(c) {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
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
	return isCanonicalInteger(s) || s[0] == '~'
}

// isCanonicalInteger reports whether s is "0" or "-?[1-9][0-9]*" within
// ±(2^53−1): what is a number without a type.
func isCanonicalInteger(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && n >= -maxSafeInteger && n <= maxSafeInteger && strconv.FormatInt(n, 10) == s
}

// isUnreserved is RFC 3986's set: bytes that no one needs to escape.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func numberPath(number any) (string, error) {
	text, err := numberText(number)
	if err != nil || isCanonicalInteger(text) {
		return text, err
	}
	return "~n:" + text, nil
}

var errNotAlone = errors.New("bytes of a whole key, and not the only part")

var errNilBigInt = errors.New("a nil *big.Int")

// errNotUTF8 is refused here because encoding/json would replace what is wrong, and
// make another key of it.
var errNotUTF8 = errors.New("a string that is not UTF-8; use []byte")

func errPartType(part any) error { return fmt.Errorf("no key part can have type %T", part) }
