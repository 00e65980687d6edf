package v8value

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/buntime/keyval/kv"
)

// FuzzStored stores whatever data, and loads what it has stored: it is JSON, the value
// is the same, and storing it again changes nothing.
func FuzzStored(f *testing.F) {
	for _, v := range plainVectors {
		f.Add(fromHex(f, v.v8), int(V8))
	}
	for _, v := range keptVectors {
		f.Add(fromHex(f, v.v8), int(V8))
	}
	f.Add(make([]byte, 8), int(LE64))
	f.Add([]byte("bytes"), int(Bytes))
	f.Fuzz(func(t *testing.T, data []byte, encoding int) {
		e := Encoding(encoding)
		stored, err := AppendStored(nil, data, e)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%x: %v", data, err)
			}
			return
		}
		if value, err := kv.ParseValue(stored, 1<<30); err != nil || !bytes.Equal(value, stored) {
			t.Fatalf("%x is stored as %s: %v", data, stored, err)
		}
		if limit := base64.StdEncoding.EncodedLen(len(data)) + 6*len(data) + 4*maxText; len(stored) > limit {
			t.Fatalf("%d bytes are stored as %d", len(data), len(stored))
		}
		loaded, loadedAs := AppendLoaded(nil, stored)
		if loadedAs != e {
			t.Fatalf("%x (%d) is stored as %s and loaded as %x (%d)", data, e, stored, loaded, loadedAs)
		}
		again, err := AppendStored(nil, loaded, e)
		if err != nil || !bytes.Equal(again, stored) && kindOf(again) != kindOf(stored) {
			t.Fatalf("%x is stored as %s, loaded as %x and stored as %s: %v", data, stored, loaded, again, err)
		}
	})
}

// kindOf is the kind of a form, or "plain".
func kindOf(stored []byte) string {
	if kind, _, ok := cutForm(stored); ok && isForm(stored) {
		return string(kind)
	}
	return "plain"
}

// FuzzLoaded loads whatever JSON there is, and stores it again: what JSON.parse keeps
// of it is kept.
func FuzzLoaded(f *testing.F) {
	for _, v := range plainVectors {
		f.Add([]byte(v.json))
	}
	for _, text := range []string{
		`{"b":1,"1":2,"a":3,"0":4,"b":5}`, `{"__type":"v8","value":"/w9f","text":"undefined"}`, `{"__type":"u64","value":"7"}`,
		`["\ud83c\udf0e\ud83c"]`, `[1e400,-0,9007199254740993]`, ` { "a" : [ 1 , 2 ] } `, `{"\u0061":1,"a":2}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := kv.ParseValue(text, 1<<30)
		if err != nil {
			AppendLoaded(nil, text) // it only has to end
			return
		}
		loaded, e := AppendLoaded(nil, value)
		stored, err := AppendStored(nil, loaded, e)
		if err != nil {
			t.Fatalf("%s is loaded as %x (%d): %v", value, loaded, e, err)
		}
		if kindOf(value) != kindOf(stored) {
			return // NaN, lone surrogates, what looks like a form: V8 has them, JSON has not
		}
		if got, want := parsed(t, stored), parsed(t, value); kindOf(value) == "plain" && got != want {
			t.Fatalf("%s is loaded as %x and stored as %s: it was %s and is %s", value, loaded, stored, want, got)
		}
	})
}

// parsed is text as encoding/json reads it, the last of equal names, and writes it,
// names in order.
func parsed(t *testing.T, text []byte) string {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err.Error() // a number too large for a double, which is no plain JSON afterwards
	}
	out, err := json.Marshal(value)
	must(t, err)
	return string(out)
}
