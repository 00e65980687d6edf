package kv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// denoVectors are keys as Deno itself encodes them.
var denoVectors = []struct {
	parts   []any
	encoded string
}{
	{[]any{"users", "alice"}, "02757365727300 02616c69636500"},
	{[]any{"a", "b"}, "026100 026200"},
	{[]any{""}, "0200"},
	{[]any{"a\x00b"}, "026100ff6200"},
	{[]any{"é"}, "02c3a900"},
	{[]any{"🌎"}, "02f09f8c8e00"},
	{[]any{[]byte{}}, "0100"},
	{[]any{[]byte{0, 0xff, 1}}, "0100ffff0100"},
	{[]any{integer("0")}, "14"},
	{[]any{integer("1")}, "1501"},
	{[]any{integer("-1")}, "13fe"},
	{[]any{integer("255")}, "15ff"},
	{[]any{integer("256")}, "160100"},
	{[]any{integer("-255")}, "1300"},
	{[]any{integer("-256")}, "12feff"},
	{[]any{integer("-200")}, "1337"},
	{[]any{integer("10000")}, "162710"},
	{[]any{integer("-10000")}, "12d8ef"},
	{[]any{integer("9223372036854775808")}, "1c8000000000000000"},
	{[]any{integer("18446744073709551615")}, "1cffffffffffffffff"},
	{[]any{integer("-18446744073709551615")}, "0c0000000000000000"},
	{[]any{integer("18446744073709551616")}, "1d09010000000000000000"},
	{[]any{integer("-18446744073709551616")}, "0bf6feffffffffffffffff"},
	{[]any{0.0}, "218000000000000000"},
	{[]any{math.Copysign(0, -1)}, "217fffffffffffffff"},
	{[]any{1.0}, "21bff0000000000000"},
	{[]any{-1.0}, "21400fffffffffffff"},
	{[]any{200.0}, "21c069000000000000"},
	{[]any{-300.0}, "213f8d3fffffffffff"},
	{[]any{123.456}, "21c05edd2f1a9fbe77"},
	{[]any{3.14}, "21c0091eb851eb851f"},
	{[]any{false}, "26"},
	{[]any{true}, "27"},
	{[]any{1.0, integer("1"), true, []byte{1, 2, 3}, "a"}, "21bff0000000000000 1501 27 0101020300 026100"},
}

func TestKeysAreEncodedAsDenoEncodesThem(t *testing.T) {
	for _, v := range denoVectors {
		want := decodeHex(t, v.encoded)
		got, err := NewKey(v.parts...)
		if err != nil || string(got) != want {
			t.Errorf("NewKey(%v) = %x, %v, want %x", v.parts, string(got), err, want)
		}
		parsed, err := parseEncoded([]byte(want))
		if err != nil || parsed != got {
			t.Errorf("check of %x = %x, %v", want, string(parsed), err)
		}
		parts, err := parsed.Parts()
		if err != nil || !sameParts(parts, v.parts) {
			t.Errorf("Parts of %x = %v, %v, want %v", want, parts, err, v.parts)
		}
	}
}

// The encoding has room for numbers that the key model refuses.
func TestInfiniteNumbersAndNaNAreNoKeys(t *testing.T) {
	vectors := map[string]float64{
		"21fff0000000000000": math.Inf(1),
		"21000fffffffffffff": math.Inf(-1),
		"21fff8000000000000": math.Float64frombits(0x7ff8000000000000), // JavaScript's NaN
	}
	for encoded, f := range vectors {
		want := decodeHex(t, encoded)
		if got := appendNumber(nil, f); string(got) != want {
			t.Errorf("appendNumber(%v) = %x, want %x", f, got, want)
		}
		if k, err := NewKey(f); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("NewKey(%v) = %v, %v, want ErrInvalidKey", f, k, err)
		}
		if k, err := parseEncoded([]byte(want)); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("check of %x = %v, %v, want ErrInvalidKey", want, k, err)
		}
	}
}

func TestOnlyTheOneEncodingOfAKeyIsAccepted(t *testing.T) {
	for name, encoded := range map[string]string{
		"no parts":                      "",
		"unknown tag":                   "03",
		"string without end":            "0261",
		"string that ends in an escape": "026100ff",
		"string not in UTF-8":           "02ff00",
		"short number":                  "21bff00000000000",
		"bigint with a leading zero":    "160001",
		"negative with a leading zero":  "12ff00",
		"long form of a short bigint":   "1d080100000000000000",
		"long form without a length":    "1d",
		"long negative, short":          "0bf7feffffffffffffff",
		"tag of a bigint and no more":   "15",
		"21 parts":                      strings.Repeat("26", 21),
		"1,025 code points":             "02" + strings.Repeat("78", 1025) + "00",
		"1,025 bytes":                   "01" + strings.Repeat("78", 1025) + "00",
		"2,049 bytes in all":            strings.Repeat("01"+strings.Repeat("78", 681)+"00", 3),
	} {
		if k, err := parseEncoded([]byte(decodeHex(t, encoded))); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("%s: check of %.60s = %.60s, %v, want ErrInvalidKey", name, encoded, k, err)
		}
	}
}

func TestLimitsOfAKey(t *testing.T) {
	widest := new(big.Int).Lsh(big.NewInt(1), 8*maxBigIntBytes)
	for name, tc := range map[string]struct {
		parts []any
		ok    bool
	}{
		"20 parts":                     {repeat("a", 20), true},
		"21 parts":                     {repeat("a", 21), false},
		"no parts":                     {nil, false},
		"1,024 code points":            {[]any{strings.Repeat("x", 1024)}, true},
		"1,023 code points of 2 bytes": {[]any{strings.Repeat("é", 1023)}, true},
		"1,025 code points":            {[]any{strings.Repeat("x", 1025)}, false},
		"1,024 bytes":                  {[]any{bytes.Repeat([]byte{1}, 1024)}, true},
		"1,025 bytes":                  {[]any{bytes.Repeat([]byte{1}, 1025)}, false},
		"2,048 bytes encoded":          {[]any{strings.Repeat("x", 1022), strings.Repeat("y", 1022)}, true},
		"2,049 bytes encoded":          {[]any{strings.Repeat("x", 1022), strings.Repeat("y", 1023)}, false},
		"bigint of 255 bytes":          {[]any{new(big.Int).Sub(widest, big.NewInt(1))}, true},
		"bigint of 256 bytes":          {[]any{widest}, false},
		"negative of 256 bytes":        {[]any{new(big.Int).Neg(widest)}, false},
		"string not in UTF-8":          {[]any{"\xff"}, false},
		"int that a double can hold":   {[]any{1 << 53}, true},
		"int that it cannot":           {[]any{1<<53 + 1}, false},
		"largest int64":                {[]any{int64(math.MaxInt64)}, false},
		"a type that no key can hold":  {[]any{struct{}{}}, false},
		"nil":                          {[]any{nil}, false},
	} {
		_, err := NewKey(tc.parts...)
		if tc.ok && err != nil || !tc.ok && !errors.Is(err, ErrInvalidKey) {
			t.Errorf("%s: err = %v, want ok %v", name, err, tc.ok)
		}
	}
}

func TestKeyErrorsNameThePartAndTheLimit(t *testing.T) {
	_, err := NewKey("a", strings.Repeat("x", 1200))
	want := "invalid key: part 2 has 1,200 code points, at most 1,024 are allowed"
	if err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestByteOrderIsPartOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawParts(t), drawParts(t)
		ka, kb := mustKey(t, a...), mustKey(t, b...)
		if got, want := strings.Compare(string(ka), string(kb)), compareParts(a, b); got != want {
			t.Fatalf("order of %v and %v = %d, want %d", ka, kb, got, want)
		}
	})
}

func TestAPrefixIsWholeParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := drawParts(t)
		k := mustKey(t, parts...)
		for n := 1; n <= len(parts); n++ {
			if prefix := mustKey(t, parts[:n]...); !k.HasPrefix(prefix) {
				t.Fatalf("%v has no prefix %v", k, prefix)
			}
		}
	})
	for _, tc := range []struct{ key, prefix []any }{
		{[]any{"users"}, []any{"us"}},
		{[]any{"a\x00b"}, []any{"a"}},
		{[]any{[]byte{1, 0, 2}}, []any{[]byte{1}}},
		{[]any{"a"}, []any{"a", "b"}},
	} {
		if k, prefix := mustKey(t, tc.key...), mustKey(t, tc.prefix...); k.HasPrefix(prefix) {
			t.Errorf("%v has prefix %v", k, prefix)
		}
	}
	if !mustKey(t, "a").HasPrefix("") {
		t.Error("the empty prefix is not above [a]")
	}
}

// parseEncoded takes the encoding of a key of parts.
func parseEncoded(raw []byte) (Key, error) { return Key(raw), Key(raw).check() }

func FuzzParseBytes(f *testing.F) {
	for _, v := range denoVectors {
		f.Add([]byte(decodeHex(f, v.encoded)))
	}
	for _, k := range opaqueKeys {
		f.Add([]byte(k))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := parseEncoded(raw)
		if err == nil {
			checkRoundTrips(t, k)
			return
		}
		if !errors.Is(err, ErrInvalidKey) {
			t.Fatalf("err = %v, want ErrInvalidKey", err)
		}
		if k, err := ParseBytes(raw); err == nil {
			checkRoundTrips(t, k)
		}
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkRoundTrips checks that every form of k parses back to k.
func checkRoundTrips(t fataler, k Key) {
	t.Helper()
	checkForms(t, k)
	if k.IsOpaque() {
		return
	}
	parts, err := k.Parts()
	if err != nil {
		t.Fatalf("Parts of %x: %v", string(k), err)
	}
	if got, err := NewKey(parts...); err != nil || got != k {
		t.Fatalf("NewKey of the parts of %x = %x, %v", string(k), string(got), err)
	}
	if got, err := parseEncoded([]byte(k)); err != nil || got != k {
		t.Fatalf("check of %x = %x, %v", string(k), string(got), err)
	}
}

// checkForms are those that an opaque key has, too.
func checkForms(t fataler, k Key) {
	t.Helper()
	if got, err := ParseKeyJSON(k.AppendJSON(nil)); err != nil || got != k {
		t.Fatalf("ParseKeyJSON(%s) = %s, %v", k, got, err)
	}
	if got, err := ParseKeyPath(k.Path()); err != nil || got != k {
		t.Fatalf("ParseKeyPath(%s) = %s, %v", k.Path(), got, err)
	}
	if got, err := DecodeCursor(EncodeCursor(k, nil), nil); err != nil || got != k {
		t.Fatalf("the cursor of %s is that of %s, %v", k, got, err)
	}
	if strings.Contains(k.Path(), ",") {
		t.Fatalf("the comma in %s would end it in a list", k.Path())
	}
}

func mustKey(t fataler, parts ...any) Key {
	t.Helper()
	k, err := NewKey(parts...)
	if err != nil {
		t.Fatalf("NewKey(%v): %v", parts, err)
	}
	return k
}

func integer(digits string) *big.Int {
	n, _ := new(big.Int).SetString(digits, 10)
	return n
}

func decodeHex(t fataler, s string) string {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("test vector %q: %v", s, err)
	}
	return string(raw)
}

func repeat(part any, n int) []any {
	parts := make([]any, n)
	for i := range parts {
		parts[i] = part
	}
	return parts
}

func sameParts(a, b []any) bool {
	if len(a) != len(b) || compareParts(a, b) != 0 {
		return false
	}
	for i := range a {
		if reflect.TypeOf(a[i]) != reflect.TypeOf(b[i]) {
			return false
		}
	}
	return true
}

func drawParts(t *rapid.T) []any {
	return rapid.SliceOfN(anyPart(), 1, 5).Draw(t, "parts")
}

// anyPart prefers short strings of few letters, so that keys share prefixes.
func anyPart() *rapid.Generator[any] {
	letters := rapid.SampledFrom([]rune{'a', 'b', 0, 1, 0x7f, 'é', '🌎', '\uffff'})
	return rapid.OneOf(
		rapid.StringOfN(letters, 0, 4, -1).AsAny(),
		rapid.String().AsAny(),
		rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 0xfe, 0xff}), 0, 4).AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }).AsAny(),
		rapid.Map(rapid.IntRange(-300, 300), func(n int) float64 { return float64(n) }).AsAny(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) *big.Int {
			n := new(big.Int).SetBytes(b)
			if len(b)%2 == 1 {
				n.Neg(n)
			}
			return n
		}).AsAny(),
		rapid.Bool().AsAny(),
	)
}

// compareParts is the order of the key model, computed without the encoding.
func compareParts(a, b []any) int {
	for i := range min(len(a), len(b)) {
		if c := comparePart(a[i], b[i]); c != 0 {
			return c
		}
	}
	return sign(len(a) - len(b))
}

func comparePart(a, b any) int {
	if c := sign(typeRank(a) - typeRank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case []byte:
		return strings.Compare(string(a), string(b.([]byte)))
	case string:
		return strings.Compare(a, b.(string))
	case *big.Int:
		return a.Cmp(b.(*big.Int))
	case float64:
		return compareNumbers(a, b.(float64))
	case bool:
		return sign(boolRank(a) - boolRank(b.(bool)))
	}
	panic("not a part")
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return sign(boolRank(math.Signbit(b)) - boolRank(math.Signbit(a))) // -0 before 0
}

func typeRank(part any) int {
	switch part.(type) {
	case []byte:
		return 0
	case string:
		return 1
	case *big.Int:
		return 2
	case float64:
		return 3
	}
	return 4
}

func boolRank(v bool) int {
	if v {
		return 1
	}
	return 0
}

func sign(n int) int { return max(-1, min(1, n)) }
