package kv

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestAValueIsKeptByteForByteWithoutWhiteSpace(t *testing.T) {
	for raw, want := range map[string]string{
		`null`:                              `null`,
		` 1 `:                               `1`,
		`1.50e+003`:                         `1.50e+003`,
		`123456789012345678901234567890.12`: `123456789012345678901234567890.12`,
		"{ \"b\" : 1 ,\n\t\"a\" : [ 1 , 2 ]\r\n}": `{"b":1,"a":[1,2]}`,
		`{"a":1, "a":2}`:                   `{"a":1,"a":2}`,
		`"a  b\u00e9\/<&> \ud800"`:         `"a  b\u00e9\/<&> \ud800"`,
		` "\\" `:                           `"\\"`,
		` "\"  " `:                         `"\"  "`,
		`["\u2028", "` + "\u2028é🌎" + `"]`: `["\u2028","` + "\u2028é🌎" + `"]`,
	} {
		got, err := ParseValue([]byte(raw), 1<<20)
		if err != nil || string(got) != want {
			t.Errorf("ParseValue(%q) = %q, %v, want %q", raw, got, err, want)
		}
	}
}

func TestWhatIsNoValue(t *testing.T) {
	for _, raw := range []string{
		``, ` `, `nul`, `'a'`, `{`, `[1,]`, `{"a":1,}`, `{"a"}`, `{a:1}`, `1 2`, `{}x`, `01`, `1.`, `+1`, `.5`, `NaN`, `"a`, `"\x"`,
		"\"a\nb\"", "\"\xff\"", "\xef\xbb\xbf1", `[}`, `]`, `"\`, "1\x00", "\u00a01", `1//x`,
	} {
		if got, err := ParseValue([]byte(raw), 1<<20); !errors.Is(err, ErrInvalidJSON) {
			t.Errorf("ParseValue(%q) = %q, %v, want ErrInvalidJSON", raw, got, err)
		}
	}
}

func TestAValueNestsAtMost500Deep(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
	}
	if _, err := ParseValue(nested(MaxDepth), 1<<20); err != nil {
		t.Errorf("depth %d: %v", MaxDepth, err)
	}
	if _, err := ParseValue(nested(MaxDepth+1), 1<<20); !errors.Is(err, ErrInvalidJSON) {
		t.Errorf("depth %d: %v, want ErrInvalidJSON", MaxDepth+1, err)
	}
	wide := "[" + strings.Repeat("[],", 1000) + `"[[["]`
	if _, err := ParseValue([]byte(wide), 1<<20); err != nil {
		t.Errorf("a wide array: %v", err)
	}
}

func TestNestingIsRefusedWithoutReadingTheRest(t *testing.T) {
	for name, raw := range map[string]string{
		"100,000 brackets":             strings.Repeat("[", 100_000),
		"broken after 501 brackets":    strings.Repeat("[", MaxDepth+1) + "\xff",
		"too large after 501 brackets": strings.Repeat("[", MaxDepth+1) + strings.Repeat("1", 1<<20),
	} {
		_, err := ParseValue([]byte(raw), 1<<19)
		if want := "invalid JSON: it nests deeper than 500"; err == nil || err.Error() != want {
			t.Errorf("%s: err = %v, want %s", name, err, want)
		}
	}
}

func TestBrokenJSONIsDescribedByPlace(t *testing.T) {
	for raw, want := range map[string]string{
		`{"a":1,}`:         "invalid JSON: what stands at byte 7 cannot stand there",
		`{"a":[1,2 `:       "invalid JSON: it ends early, at byte 10",
		`["s3cret\q"]`:     "invalid JSON: what stands at byte 8 cannot stand there",
		"[\"s3cret\xff\"]": "invalid JSON: it is not valid UTF-8 at byte 8",
	} {
		_, err := ParseValue([]byte(raw), 1<<20)
		if err == nil || err.Error() != want {
			t.Errorf("ParseValue(%s): %v, want %s", raw, err, want)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ParseValue(%s): %v looks like a broken connection", raw, err)
		}
	}
}

func TestTheLimitOfAValueCountsItWithoutWhiteSpace(t *testing.T) {
	if _, err := ParseValue([]byte(` [ 1 , 2 ] `), 5); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := ParseValue([]byte(`[1,22]`), 5); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v, want ErrTooLarge", err)
	}
}

func TestNowIsExactlyTheObject(t *testing.T) {
	for raw, want := range map[string]string{
		`{"$now":true}`:                       `1700000000000`,
		`{ "$now" : true }`:                   `1700000000000`,
		`[{"$now":true},{"a":{"$now":true}}]`: `[1700000000000,{"a":1700000000000}]`,
		`{"$now":true,"a":1}`:                 `{"$now":true,"a":1}`,
		`{"a":1,"$now":true}`:                 `{"a":1,"$now":true}`,
		`{"$now":false}`:                      `{"$now":false}`,
		`"{\"$now\":true}"`:                   `"{\"$now\":true}"`,
		`["{","$now",true,"}"]`:               `["{","$now",true,"}"]`,
		`{"{":"$now"}`:                        `{"{":"$now"}`,
		`{"a{\"$now":true}`:                   `{"a{\"$now":true}`,

		`{"$now":true,"offset":5}`:               `1700000000005`,
		`{ "offset" : -5, "$now" : true }`:       `1699999999995`,
		`{"a":{"$now":true,"offset":1e3},"b":1}`: `{"a":1700000001000,"b":1}`,
		`{"$now":true,"offset":null}`:            `1700000000000`,
		`{"offset":5,"$now":false}`:              `{"offset":5,"$now":false}`,
		`{"offset":5}`:                           `{"offset":5}`,
		`{"$now":true,"offset":5,"a":1}`:         `{"$now":true,"offset":5,"a":1}`,
		`{"a":1,"offset":5,"$now":true}`:         `{"a":1,"offset":5,"$now":true}`,
	} {
		value, err := ParseValue([]byte(raw), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		times, err := ParseTimes(value)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if got := splice(value, times, 1700000000000); got != want {
			t.Errorf("%s becomes %s, want %s", raw, got, want)
		}
	}
}

func TestAnOffsetOfNowIsAnIntegerOfMilliseconds(t *testing.T) {
	for _, offset := range []string{`1.5`, `"5"`, `true`, `4503599627370497`, `-4503599627370497`, `1e400`} {
		for _, raw := range []string{`{"$now":true,"offset":` + offset + `}`, `[{"offset":` + offset + `,"$now":true}]`} {
			if _, err := ParseTimes([]byte(raw)); !errors.Is(err, ErrInvalidValue) {
				t.Errorf("%s: %v, want ErrInvalidValue", raw, err)
			}
		}
	}
}

// splice does what the entries' statement does when now is the time.
func splice(value []byte, t *Times, now int64) string {
	if t == nil {
		return string(value)
	}
	var out []byte
	end := 0
	for _, p := range t.places {
		out = append(out, value[end:p.start]...)
		out = strconv.AppendInt(out, min(max(now+p.time.add, p.time.least), p.time.most), 10)
		end = p.end
	}
	return string(append(out, value[end:]...))
}

// The search for bytes relies on this: in a compact value they match exactly as
// often as the object is there.
func FuzzTheObjectOfNowIsFound(f *testing.F) {
	f.Add([]byte(`[{"$now":true},"{\"$now\":true}",{"{":"$now"}]`))
	f.Add([]byte(`{"a{":{"$now":true,"offset":3},"$now":true}`))
	f.Add([]byte(`[{"offset":-3,"$now":true},{"offset":"x"}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		value, err := ParseValue(raw, 1<<20)
		if err != nil || bytes.ContainsAny(raw, `\`) {
			return // an escaped spelling of a member is not found
		}
		var before, after any
		if err := json.Unmarshal(value, &before); err != nil {
			t.Skip() // numbers beyond a double
		}
		times, err := ParseTimes(value)
		if err != nil {
			return // an offset that is none
		}
		spliced := splice(value, times, 7)
		if err := json.Unmarshal([]byte(spliced), &after); err != nil {
			t.Fatalf("%s becomes %s: %v", value, spliced, err)
		}
		if hasDuplicateNames(value) {
			return // Unmarshal merges those
		}
		if want := replaceNow(before); !reflect.DeepEqual(after, want) {
			t.Fatalf("%s becomes %v, want %v", value, after, want)
		}
	})
}

func hasDuplicateNames(value []byte) bool {
	return !jsontext.Value(value).IsValid(jsontext.AllowInvalidUTF8(true))
}

func replaceNow(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = replaceNow(v[i])
		}
	case map[string]any:
		offset, isNumber := v["offset"].(float64)
		given, has := v["offset"]
		if v["$now"] == true && (len(v) == 1 || len(v) == 2 && (isNumber || has && given == nil)) {
			return 7 + offset
		}
		for name := range v {
			v[name] = replaceNow(v[name])
		}
	}
	return v
}

func FuzzParseValue(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.50,"x\u00e9"], "b":null}`, `"\ud800"`, ` [ ] `, `1e400000`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		value, err := ParseValue(raw, 1<<20)
		if err != nil {
			if !errors.Is(err, ErrInvalidJSON) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("err = %v", err)
			}
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("%q is not JSON", raw)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, raw); err != nil || want.String() != string(value) {
			t.Fatalf("ParseValue(%q) = %q, want %q, %v", raw, value, want.String(), err)
		}
		if again, err := ParseValue(value, len(value)); err != nil || !bytes.Equal(again, value) {
			t.Fatalf("ParseValue(%q) = %q, %v", value, again, err)
		}
	})
}

func BenchmarkParseValue(b *testing.B) {
	small := `{"name":"alice","age":42,"tags":["a","b"]}`
	for name, raw := range map[string]string{
		"small":  small,
		"spaced": strings.ReplaceAll(small, ":", ": "),
		"64KiB":  "[" + strings.Repeat(small+",", 1500) + "1]",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := ParseValue([]byte(raw), 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
