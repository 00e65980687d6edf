package kv

import (
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"
)

func TestURLFormsOfKeys(t *testing.T) {
	for _, tc := range []struct {
		path  string
		parts []any
		// canonical is the form that Path renders, if it differs from path.
		canonical string
	}{
		{"users/alice", []any{"users", "alice"}, ""},
		{"//users///alice/", []any{"users", "alice"}, "users/alice"},
		{"a%2Fb", []any{"a/b"}, ""},
		{"a%2cb", []any{"a,b"}, "a%2Cb"},
		{"a,b", []any{"a,b"}, "a%2Cb"},
		{"a+b", []any{"a+b"}, "a%2Bb"},
		{"caf%C3%A9", []any{"café"}, ""},
		{"café", []any{"café"}, "caf%C3%A9"},
		{"0", []any{0}, ""},
		{"42", []any{42}, ""},
		{"-42", []any{-42}, ""},
		{"%34%32", []any{42}, "42"},
		{"-0", []any{"-0"}, ""},
		{"007", []any{"007"}, ""},
		{"1.5", []any{"1.5"}, ""},
		{"9007199254740991", []any{1<<53 - 1}, ""},
		{"-9007199254740991", []any{-(1<<53 - 1)}, ""},
		{"9007199254740992", []any{"9007199254740992"}, ""},
		{"99999999999999999999", []any{"99999999999999999999"}, ""},
		{"~s:42", []any{"42"}, ""},
		{"~s:", []any{""}, ""},
		{"a/~s:/b", []any{"a", "", "b"}, ""},
		{"~s:.", []any{"."}, ""},
		{"..", []any{".."}, "~s:.."},
		{"~s:count", []any{"count"}, ""},
		{"a/count", []any{"a", "count"}, ""},
		{"~s:count/a", []any{"count", "a"}, "count/a"},
		{"batch", []any{"batch"}, ""},
		{"%7Es:42", []any{"~s:42"}, "~s:~s%3A42"},
		{"~z:1", []any{"~z:1"}, "~s:~z%3A1"},
		{"~", []any{"~"}, "~s:~"},
		{"~n:12.5", []any{12.5}, ""},
		{"~n:1", []any{1}, "1"},
		{"~n:-0", []any{math.Copysign(0, -1)}, ""},
		{"~n:1e21", []any{1e21}, "~n:1000000000000000000000"},
		{"~n:1e+21", []any{1e21}, "~n:1000000000000000000000"},
		{"~n:1e%2B21", []any{1e21}, "~n:1000000000000000000000"},
		{"~n:9007199254740992", []any{1 << 53}, ""},
		{"~i:0", []any{integer("0")}, ""},
		{"~i:-123456789012345678901234567890", []any{integer("-123456789012345678901234567890")}, ""},
		{"~b:true", []any{true}, ""},
		{"~b:false", []any{false}, ""},
		{"true", []any{"true"}, ""},
		{"~x:AP8B", []any{[]byte{0, 0xff, 1}}, ""},
		{"~x:", []any{[]byte{}}, ""},
		{"~x:_w==", []any{[]byte{0xff}}, "~x:_w"},
		{"%00", []any{"\x00"}, ""},
	} {
		want := mustKey(t, tc.parts...)
		got, err := ParseKeyPath(tc.path)
		if err != nil || got != want {
			t.Errorf("ParseKeyPath(%s) = %s, %v, want %s", tc.path, got, err, want)
		}
		canonical := tc.canonical
		if canonical == "" {
			canonical = tc.path
		}
		if got := want.Path(); got != canonical {
			t.Errorf("Path() of %s = %s, want %s", want, got, canonical)
		}
	}
}

func TestWhatIsNoKeyInAURL(t *testing.T) {
	for _, path := range []string{
		"", "/", "//", "a%", "a%2", "a%zz", "%ff", "\xff", "~n:", "~n:abc", "~n:007", "~n:NaN", "~n:Infinity",
		"~n:1e999", "~n:9007199254740993", "~n:0x10", "~i:", "~i:1.5", "~i:1e3", "~i:--1", "~i:" + strings.Repeat("9", 700),
		"~b:", "~b:TRUE", "~b:1", "~x:!", "~x:A", "~x:%0A", strings.Repeat("a/", 21), strings.Repeat("x", 1025),
	} {
		if k, err := ParseKeyPath(path); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("ParseKeyPath(%.40q) = %s, %v, want ErrInvalidKey", path, k, err)
		}
	}
}

func TestAPrefixInAURLMayBeEmpty(t *testing.T) {
	for _, path := range []string{"", "/"} {
		if k, err := ParsePrefixPath(path); err != nil || k != "" {
			t.Errorf("ParsePrefixPath(%q) = %s, %v, want the empty prefix", path, k, err)
		}
	}
}

// A part without a type is what the standard library makes of it.
func checkPathParts(t *testing.T, path string, k Key) {
	t.Helper()
	parts, err := k.Parts()
	if err != nil {
		t.Fatal(err)
	}
	for raw := range strings.SplitSeq(path, "/") {
		if raw == "" {
			continue
		}
		want, err := url.PathUnescape(raw)
		if err != nil || len(parts) == 0 {
			t.Fatalf("ParseKeyPath(%q) = %s, %v", path, k, err)
		}
		got, isString := parts[0].(string)
		if parts = parts[1:]; isString && got != want && !strings.HasPrefix(raw, "~s:") {
			t.Fatalf("ParseKeyPath(%q) has the part %q, want %q", path, got, want)
		}
	}
	if len(parts) > 0 {
		t.Fatalf("ParseKeyPath(%q) = %s, which has parts too many", path, k)
	}
}

func FuzzParseKeyPath(f *testing.F) {
	for _, v := range denoVectors {
		f.Add(mustKey(f, v.parts...).Path())
	}
	for _, k := range opaqueKeys {
		f.Add(k.Path())
	}
	f.Add("//a%2Fb/~n:-0/007")
	f.Add("d/a%2fb|c/\"^%00;é/~s:/.././%25")
	f.Fuzz(func(t *testing.T, path string) {
		k, err := ParseKeyPath(path)
		if err != nil {
			if !errors.Is(err, ErrInvalidKey) {
				t.Fatalf("err = %v, want ErrInvalidKey", err)
			}
			return
		}
		if _, whole := cutWholeKey(path); !whole {
			checkPathParts(t, path, k)
		}
		checkRoundTrips(t, k)
	})
}

func BenchmarkParseKeyPath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseKeyPath("users/alice/42"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeyPath(b *testing.B) {
	k := mustKey(b, "users", "alice", 42)
	b.ReportAllocs()
	for b.Loop() {
		_ = k.Path()
	}
}
