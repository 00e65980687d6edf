package kv

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// opaqueKeys are keys that Deno's KV Connect may store and that REST has no array for.
var opaqueKeys = []Key{
	"\x00", "\x01", "\x02", "\x02a", "\x02a\x00\xff", "\x02a\x00\x99", "\x02\xfe\x00", "\x03\x04", "\x7f",
	"\x21\xff\xf0\x00\x00\x00\x00\x00\x00", // infinity
	"\x16\x00\x01",                         // a bigint that is longer than it need be
	"\xff", "\xff\xff", Key(strings.Repeat("\xff", MaxKeyBytes)), Key(strings.Repeat("\x00", MaxKeyBytes)),
	Key(strings.Repeat("\x26", MaxKeyParts+1)),
	Key("\x02" + strings.Repeat("x", MaxStringPartRunes+1) + "\x00"),
	Key("\x01" + strings.Repeat("x", MaxBytesPart+1) + "\x00"),
}

func TestAnOpaqueKeyIsShownAndTakenAsItsBytes(t *testing.T) {
	for _, k := range opaqueKeys {
		if !k.IsOpaque() {
			t.Errorf("%x has parts", string(k))
		}
		text := base64.StdEncoding.EncodeToString([]byte(k))
		if got, want := k.String(), `{"__type":"key","value":"`+text+`"}`; got != want {
			t.Errorf("%x is shown as %.60s, want %.60s", string(k), got, want)
		}
		checkForms(t, k)
		for _, other := range []string{strings.TrimRight(text, "="), base64.URLEncoding.EncodeToString([]byte(k))} {
			for _, form := range []string{` { "value" : "` + other + `" , "__type" : "key" } `, `{"__type":"key","value":"` + other + `"}`} {
				if got, err := ParseKeyJSON([]byte(form)); err != nil || got != k {
					t.Errorf("ParseKeyJSON(%.60s) = %s, %v", form, got, err)
				}
			}
		}
		if got, suffix, err := ParseSetKeyJSON(k.AppendJSON(nil)); got != k || suffix || err != nil {
			t.Errorf("ParseSetKeyJSON of %x = %s, %v, %v", string(k), got, suffix, err)
		}
	}
}

func TestTheBytesOfAKeyOfPartsAreThatKey(t *testing.T) {
	k := mustKey(t, "a", 1)
	text := base64.StdEncoding.EncodeToString([]byte(k))
	form := []byte(`{"__type":"key","value":"` + text + `"}`)
	for name, parse := range map[string]func() (Key, error){
		"a key":          func() (Key, error) { return ParseKeyJSON(form) },
		"a prefix":       func() (Key, error) { return ParsePrefixJSON(form) },
		"a key in a URL": func() (Key, error) { return ParseKeyPath("/~k:" + base64.RawURLEncoding.EncodeToString([]byte(k))) },
		"a prefix in a URL": func() (Key, error) {
			return ParsePrefixPath("~k:" + base64.URLEncoding.EncodeToString([]byte(k)) + "/")
		},
		"escaped in a URL": func() (Key, error) {
			return ParseKeyPath("~k:" + strings.NewReplacer("=", "%3D", "/", "%2F").Replace(text))
		},
		"the key of the set": func() (Key, error) { k, _, err := ParseSetKeyJSON(form); return k, err },
	} {
		if got, err := parse(); err != nil || got != k {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, k)
		}
	}
	if got := k.String(); got != `["a",1]` {
		t.Errorf("it is shown as %s", got)
	}
}

func TestWhatAreNoBytesOfAKey(t *testing.T) {
	long := base64.StdEncoding.EncodeToString(make([]byte, MaxKeyBytes+1))
	for _, form := range []string{
		`{"__type":"key"}`, `{"__type":"key","value":""}`, `{"__type":"key","value":"A"}`, `{"__type":"key","value":"A!=="}`,
		`{"__type":"key","value":"AA\nAA"}`, `{"__type":"key","value":"` + long + `"}`, `{"type":"key","value":"AA=="}`,
		`{"__type":"bytes","value":"AA=="}`, `{"__type":"key","value":1}`, `{"__type":"key","value":"AA==","text":"x"}`,
		`{"__type":"key","type":"key","value":"AA=="}`, `[{"__type":"key","value":"AA=="}]`, `["a",{"__type":"key","value":"AA=="}]`,
	} {
		if k, err := ParseKeyJSON([]byte(form)); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("ParseKeyJSON(%.60s) = %s, %v, want ErrInvalidKey", form, k, err)
		}
	}
	for _, form := range []string{`{"__type":"key","value":"AA=="} x`, `{"__type":"key","value":"AA=="`, `{"__type":"key",`} {
		if k, err := ParseKeyJSON([]byte(form)); !errors.Is(err, ErrInvalidJSON) {
			t.Errorf("ParseKeyJSON(%s) = %s, %v, want ErrInvalidJSON", form, k, err)
		}
	}
	for _, path := range []string{"~k:", "~k:A", "~k:%zz", "~k:" + long, "~k:AA/a", "a/~k:AA", "~k:AA/~k:AA"} {
		if k, err := ParseKeyPath(path); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("ParseKeyPath(%.60s) = %s, %v, want ErrInvalidKey", path, k, err)
		}
	}
}

func TestAnOpaqueKeyIsNoPrefix(t *testing.T) {
	for _, k := range opaqueKeys {
		if got, err := ParsePrefixJSON(k.AppendJSON(nil)); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("ParsePrefixJSON of %x = %s, %v, want ErrInvalidKey", string(k), got, err)
		}
		if got, err := ParsePrefixPath(k.Path()); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("ParsePrefixPath of %x = %s, %v, want ErrInvalidKey", string(k), got, err)
		}
	}
}

func TestAStringWithAZeroByteIsNotBelowTheOneBeforeIt(t *testing.T) {
	a := mustKey(t, "a")
	for _, k := range []Key{mustKey(t, "a\x00b"), mustKey(t, "a\x00"), a + "\xff", a + "\xff\xff"} {
		if k.HasPrefix(a) || SubtreeRange(a).Contains(k) || PrefixRange(a).Contains(k) || KeyRange(k).Within(a) {
			t.Errorf("%s is below %s", k, a)
		}
	}
}

// anyBytes are the bytes of keys, opaque or not, that meet with those of drawParts.
func anyBytes(t *rapid.T) Key {
	start := Key("")
	if rapid.Bool().Draw(t, "below a key of parts") {
		start = mustKey(t, drawParts(t)...)
	}
	more := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0x15, 0x26, 0xff}), rapid.Byte()), 0, 9).Draw(t, "more")
	k := start + Key(more)
	if k == "" {
		return "\xff"
	}
	return k
}

func TestWhatIsBelowAPrefixIsOneThingForAllBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, prefix := anyBytes(t), mustKey(t, drawParts(t)...)
		if rapid.IntRange(0, 4).Draw(t, "everything") == 0 {
			prefix = ""
		}
		checkForms(t, k)
		below := k.HasPrefix(prefix)
		if got := SubtreeRange(prefix).Contains(k); got != below {
			t.Fatalf("SubtreeRange(%s) contains %x: %v, HasPrefix says %v", prefix, string(k), got, below)
		}
		if got := KeyRange(k).Within(prefix); got != below {
			t.Fatalf("%x is within %s: %v, HasPrefix says %v", string(k), prefix, got, below)
		}
		if got := slices.Contains(slices.Collect(k.Prefixes()), prefix); got != below {
			t.Fatalf("the prefixes of %x have %s: %v, HasPrefix says %v", string(k), prefix, got, below)
		}
	})
}

func TestEverythingHasAllBytes(t *testing.T) {
	for _, k := range opaqueKeys {
		for name, r := range map[string]Range{"what is below all": PrefixRange(""), "all": SubtreeRange("")} {
			if !r.Contains(k) || !r.Within("") {
				t.Errorf("%s has no %x", name, string(k))
			}
		}
		if !k.HasPrefix("") {
			t.Errorf("%x has not the empty prefix", string(k))
		}
		if r, err := Select("", k, "", false); err != nil || !r.Contains(k) || r.Empty() {
			t.Errorf("from %x: %v, %v", string(k), r, err)
		}
	}
}
