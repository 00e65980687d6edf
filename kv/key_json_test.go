package kv

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestJSONFormsOfKeys(t *testing.T) {
	for _, tc := range []struct {
		json  string
		parts []any
		// answer is the form in answers, if it differs from json.
		answer string
	}{
		{`["users","alice"]`, []any{"users", "alice"}, ""},
		{` [ "a" , 1 , true , false ] `, []any{"a", 1, true, false}, `["a",1,true,false]`},
		{`[""]`, []any{""}, ""},
		{`["\u0000\"\\\n\u001f\u007f\/"]`, []any{"\x00\"\\\n\x1f\x7f/"}, `["\u0000\"\\\n\u001f` + "\x7f" + `/"]`},
		{`["\ud83c\udf0e"]`, []any{"🌎"}, `["🌎"]`},
		{`[1.0]`, []any{1}, `[1]`},
		{`[-0]`, []any{math.Copysign(0, -1)}, ""},
		{`[0e5]`, []any{0}, `[0]`},
		{`[-1]`, []any{-1}, ""},
		{`[12.5]`, []any{12.5}, ""},
		{`[0.1]`, []any{0.1}, ""},
		{`[1e21]`, []any{1e21}, `[1000000000000000000000]`},
		{`[1E-7]`, []any{1e-7}, `[1e-7]`},
		{`[0.000001]`, []any{1e-6}, ""},
		{`[5e-324]`, []any{5e-324}, ""},
		{`[1.0e22]`, []any{1e22}, `[10000000000000000000000]`},
		{`[9007199254740991]`, []any{1<<53 - 1}, ""},
		{`[9007199254740992]`, []any{1 << 53}, ""},
		{`[9223372036854775808]`, []any{9223372036854775808.0}, ""},
		{`[-18446744073709551616]`, []any{-18446744073709551616.0}, ""},
		{`[999999999999999983222784]`, []any{1e24}, ""},
		{`[{"__type":"bigint","value":"123"}]`, []any{integer("123")}, ""},
		{`[{"value":"-5","type":"bigint"}]`, []any{integer("-5")}, `[{"__type":"bigint","value":"-5"}]`},
		{`[{"__type":"bytes","value":"AP8B"}]`, []any{[]byte{0, 0xff, 1}}, ""},
		{`[{"type":"Uint8Array","value":"_w=="}]`, []any{[]byte{0xff}}, `[{"__type":"bytes","value":"_w"}]`},
		{`[{"__type":"bytes","value":""}]`, []any{[]byte{}}, ""},
	} {
		want := mustKey(t, tc.parts...)
		got, err := ParseKeyJSON([]byte(tc.json))
		if err != nil || got != want {
			t.Errorf("ParseKeyJSON(%s) = %s, %v, want %s", tc.json, got, err, want)
		}
		answer := tc.answer
		if answer == "" {
			answer = tc.json
		}
		if got := string(want.AppendJSON(nil)); got != answer {
			t.Errorf("JSON form of %s = %s, want %s", tc.json, got, answer)
		}
	}
}

func TestWhatIsNoKeyInJSON(t *testing.T) {
	for _, tc := range []struct {
		json string
		want error
	}{
		{`[]`, ErrInvalidKey},
		{`"a"`, ErrInvalidKey},
		{`{}`, ErrInvalidKey},
		{`null`, ErrInvalidKey},
		{`[null]`, ErrInvalidKey},
		{`[["a"]]`, ErrInvalidKey},
		{`[9007199254740993]`, ErrInvalidKey},
		{`[-9007199254740993]`, ErrInvalidKey},
		{`[9223372036854775807]`, ErrInvalidKey},
		{`[1000000000000000000000000]`, ErrInvalidKey},
		{`[1` + strings.Repeat("0", 400) + `]`, ErrInvalidKey},
		{`[1e400]`, ErrInvalidKey},
		{`[{}]`, ErrInvalidKey},
		{`[{"a":1}]`, ErrInvalidKey},
		{`[{"__type":"bigint"}]`, ErrInvalidKey},
		{`[{"__type":"bigint","value":1}]`, ErrInvalidKey},
		{`[{"__type":"bigint","value":""}]`, ErrInvalidKey},
		{`[{"__type":"bigint","value":"-"}]`, ErrInvalidKey},
		{`[{"__type":"bigint","value":"+1"}]`, ErrInvalidKey},
		{`[{"__type":"bigint","value":"1_0"}]`, ErrInvalidKey},
		{`[{"__type":"bigint","value":"` + strings.Repeat("9", 700) + `"}]`, ErrInvalidKey},
		{`[{"__type":"bigint","value":"1","extra":"x"}]`, ErrInvalidKey},
		{`[{"__type":"bigint","type":"bigint","value":"1"}]`, ErrInvalidKey},
		{`[{"__type":"Uint8Array","value":"AA"}]`, ErrInvalidKey},
		{`[{"type":"bytes","value":"AA"}]`, ErrInvalidKey},
		{`[{"__type":"bytes","value":"A"}]`, ErrInvalidKey},
		{`[{"__type":"bytes","value":"+/+/"}]`, ErrInvalidKey},
		{`[{"__type":"bytes","value":"AA\nAA"}]`, ErrInvalidKey},
		{`[{"__type":"commitVersionstamp"}]`, ErrInvalidKey},
		{`["a",{"__type":"commitVersionstamp"}]`, ErrInvalidKey},
		{`["` + strings.Repeat("x", 1025) + `"]`, ErrInvalidKey},
		{`[` + strings.Repeat(`1,`, 20) + `1]`, ErrInvalidKey},
		{``, ErrInvalidJSON},
		{`[`, ErrInvalidJSON},
		{`["a"`, ErrInvalidJSON},
		{`["a",]`, ErrInvalidJSON},
		{`["a"]x`, ErrInvalidJSON},
		{`["a" "b"]`, ErrInvalidJSON},
		{`["a`, ErrInvalidJSON},
		{`["a\`, ErrInvalidJSON},
		{`["a\x"]`, ErrInvalidJSON},
		{"[\"a\nb\"]", ErrInvalidJSON},
		{"[\"\xff\"]", ErrInvalidJSON},
		{"[\"\\n\xff\"]", ErrInvalidJSON},
		{`["\ud800"]`, ErrInvalidKey},
		{`[01]`, ErrInvalidJSON},
		{`[1.]`, ErrInvalidJSON},
		{`[.5]`, ErrInvalidJSON},
		{`[+1]`, ErrInvalidJSON},
		{`[-]`, ErrInvalidJSON},
		{`[1e]`, ErrInvalidJSON},
		{`[tru]`, ErrInvalidJSON},
		{`[truefalse]`, ErrInvalidJSON},
		{`[{"__type":"bigint","__type":"bigint","value":"1"}]`, ErrInvalidJSON},
		{`[{"__type":"bigint","value":"1"]`, ErrInvalidJSON},
		{`[{`, ErrInvalidJSON},
	} {
		if k, err := ParseKeyJSON([]byte(tc.json)); !errors.Is(err, tc.want) {
			t.Errorf("ParseKeyJSON(%.60s) = %s, %v, want %v", tc.json, k, err, tc.want)
		}
	}
}

func TestAPrefixInJSONMayBeEmpty(t *testing.T) {
	got, err := ParsePrefixJSON([]byte(`[ ]`))
	if err != nil || got != "" {
		t.Errorf("ParsePrefixJSON([]) = %s, %v, want the empty prefix", got, err)
	}
	got, err = ParsePrefixJSON([]byte(`["a"]`))
	if want := mustKey(t, "a"); err != nil || got != want {
		t.Errorf("ParsePrefixJSON = %s, %v, want %s", got, err, want)
	}
}

func TestACommitVersionstampIsTheLastPartOfASet(t *testing.T) {
	v := NewVersionstamp(1, 2, 3)
	for _, tc := range []struct {
		json string
		want []any // the completed key; nil if it is refused
	}{
		{`["a",{"__type":"commitVersionstamp"}]`, []any{"a", string(v)}},
		{`[{"__type":"commitVersionstamp"}]`, []any{string(v)}},
		{`[{"__type":"commitVersionstamp"},"a"]`, nil},
		{`["a",{"type":"commitVersionstamp"}]`, nil},
		{`["a",{"__type":"commitVersionstamp","value":"x"}]`, nil},
		{`[` + strings.Repeat(`1,`, 19) + `{"__type":"commitVersionstamp"}]`, append(repeat(1, 19), string(v))},
		{`[` + strings.Repeat(`1,`, 20) + `{"__type":"commitVersionstamp"}]`, nil},
		{longSet(2048 - 22), []any{strings.Repeat("x", 1000), strings.Repeat("x", 1022), string(v)}},
		{longSet(2048 - 21), nil},
	} {
		k, suffix, err := ParseSetKeyJSON([]byte(tc.json))
		if tc.want == nil {
			if !errors.Is(err, ErrInvalidKey) {
				t.Errorf("ParseSetKeyJSON(%.60s) = %s, %v, %v, want ErrInvalidKey", tc.json, k, suffix, err)
			}
			continue
		}
		if err != nil || !suffix || k.WithVersionstamp(v) != mustKey(t, tc.want...) {
			t.Errorf("ParseSetKeyJSON(%.60s) = %s, %v, %v", tc.json, k, suffix, err)
		}
	}
	k, suffix, err := ParseSetKeyJSON([]byte(`["a"]`))
	if err != nil || suffix || k != mustKey(t, "a") {
		t.Errorf("ParseSetKeyJSON of a plain key = %s, %v, %v", k, suffix, err)
	}
}

// longSet is a key that is size bytes long before its versionstamp.
func longSet(size int) string {
	return `["` + strings.Repeat("x", 1000) + `","` + strings.Repeat("x", size-1002-2) + `",{"__type":"commitVersionstamp"}]`
}

func TestEveryKeySurvivesItsForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := mustKey(t, drawParts(t)...)
		checkRoundTrips(t, k)
		if !json.Valid(k.AppendJSON(nil)) {
			t.Fatalf("%s is not JSON", k)
		}
	})
}

func FuzzParseKeyJSON(f *testing.F) {
	for _, v := range denoVectors {
		f.Add(mustKey(f, v.parts...).AppendJSON(nil))
	}
	for _, k := range opaqueKeys {
		f.Add(k.AppendJSON(nil))
	}
	f.Add([]byte(`[{"type":"Uint8Array","value":"AP8B"},-0.5e-3,"\u00e9"]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := ParseKeyJSON(raw)
		if err != nil {
			if !errors.Is(err, ErrInvalidKey) && !errors.Is(err, ErrInvalidJSON) {
				t.Fatalf("err = %v", err)
			}
			if errors.Is(err, ErrInvalidKey) && k != "" {
				t.Fatalf("a key beside an error: %s", k)
			}
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("%q is not JSON, yet a key", raw)
		}
		checkRoundTrips(t, k)
	})
}

func BenchmarkParseKeyJSON(b *testing.B) {
	raw := []byte(`["users","alice",42]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseKeyJSON(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	k := mustKey(b, "users", "alice", 42)
	dst := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		dst = k.AppendJSON(dst[:0])
	}
}

func TestALoneSurrogateIsInNoKey(t *testing.T) {
	for _, raw := range []string{
		`["\ud83d"]`, `["\uDC00"]`, `["a",1,"b\ud83d\u0041"]`, `["\udf0e\ud83c"]`, `["\ud83d \ud83d"]`,
		`[{"__type":"bytes","value":"\ud83d"}]`, `[{"__type":"bigint","value":"\ud83d"}]`,
		`[{"__type":"\ud83d","value":"1"}]`, `[{"\ud83d":"1"}]`,
	} {
		if k, err := ParseKeyJSON([]byte(raw)); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("ParseKeyJSON(%s) = %s, %v, want ErrInvalidKey", raw, k, err)
		}
	}
}
