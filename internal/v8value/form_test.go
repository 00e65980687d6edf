package v8value

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestU64AndBytesAreFormsOfTheirOwn(t *testing.T) {
	for _, v := range []struct {
		e            Encoding
		data, stored string
	}{
		{LE64, "0000000000000000", `{"__type":"u64","value":"0"}`},
		{LE64, "0700000000000000", `{"__type":"u64","value":"7"}`},
		{LE64, "ffffffffffffffff", `{"__type":"u64","value":"18446744073709551615"}`},
		{Bytes, "", `{"__type":"bytes","value":""}`},
		{Bytes, "fbff", `{"__type":"bytes","value":"+/8="}`},
		{V8, "ff0f5a00", `{"__type":"bigint","value":"0"}`},
		{V8, "ff0f5a100100000000000000", `{"__type":"bigint","value":"1"}`},
		{V8, "ff0f5a110100000000000000", `{"__type":"bigint","value":"-1"}`},
		{V8, "ff0f5a2000000000000000000100000000000000", `{"__type":"bigint","value":"18446744073709551616"}`},
	} {
		data := fromHex(t, v.data)
		if got := mustStore(t, data, v.e); got != v.stored {
			t.Errorf("%s is stored as %s, want %s", v.data, got, v.stored)
		}
		if got, e := AppendLoaded(nil, []byte(v.stored)); e != v.e || !bytes.Equal(got, data) {
			t.Errorf("%s is loaded as %x (%d), want %s", v.stored, got, e, v.data)
		}
	}
}

func TestWhatIsNoU64AndNoEncodingIsRefused(t *testing.T) {
	for _, v := range []struct {
		e    Encoding
		data string
	}{{LE64, ""}, {LE64, "00"}, {LE64, "000000000000000000"}, {0, "00"}, {4, "00"}} {
		if _, err := AppendStored(nil, fromHex(t, v.data), v.e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q in encoding %d: %v, want ErrInvalid", v.data, v.e, err)
		}
	}
}

func TestABigIntOfMoreThan255BytesIsAV8Form(t *testing.T) {
	for size, kind := range map[int]string{255: "bigint", 256: "v8"} {
		magnitude := strings.Repeat("ff", size)
		data := fromHex(t, "ff0f5a"+map[int]string{255: "fe03", 256: "8004"}[size]+magnitude)
		stored := mustStore(t, data, V8)
		if !strings.HasPrefix(stored, `{"__type":"`+kind+`","value":"`) {
			t.Errorf("one of %d bytes is stored as %.40s…", size, stored)
		}
		loaded, _ := AppendLoaded(nil, []byte(stored))
		if again := mustStore(t, loaded, V8); again != stored {
			t.Errorf("one of %d bytes is loaded as %x", size, loaded)
		}
	}
}

func TestFormsAreReadLeniently(t *testing.T) {
	for _, v := range []struct {
		stored, data string
		e            Encoding
	}{
		{`{"value":"7","__type":"u64"}`, "0700000000000000", LE64},
		{`{"__type":"bytes","value":"-_8"}`, "fbff", Bytes},
		{`{"__type":"bytes","value":"-_8="}`, "fbff", Bytes},
		{`{"__type":"bytes","value":"+/8"}`, "fbff", Bytes},
		{`{"value":"","__type":"bytes"}`, "", Bytes},
		{`{"__type":"bigint","value":"007"}`, "ff0f5a100700000000000000", V8},
		{`{"value":"-7","__type":"bigint"}`, "ff0f5a110700000000000000", V8},
		{`{"__type":"v8","value":"_w9f"}`, "ff0f5f", V8},
		{`{"__type":"v8","value":"/w9f","text":"a \" }"}`, "ff0f5f", V8},
		{`{"value":"/w9f","__type":"v8","text":""}`, "ff0f5f", V8},
	} {
		if got, e := AppendLoaded([]byte("before"), []byte(v.stored)); e != v.e || !bytes.Equal(got, append([]byte("before"), fromHex(t, v.data)...)) {
			t.Errorf("%s is loaded as %x (%d), want %s (%d)", v.stored, got, e, v.data, v.e)
		}
	}
}

func TestWhatIsNotExactlyAFormIsPlainJSON(t *testing.T) {
	for _, stored := range []string{
		`{"__type":"u64","value":"07"}`, `{"__type":"u64","value":"-1"}`, `{"__type":"u64","value":"18446744073709551616"}`,
		`{"__type":"u64","value":""}`, `{"__type":"u64","value":"+1"}`, `{"__type":"u64","value":7}`, `{"__type":"u64","value":"7","text":"7"}`,
		`{"__type":"bytes","value":"a"}`, `{"__type":"bytes","value":"+_8="}`, `{"__type":"bytes","value":"*"}`, `{"__type":"bytes","value":"\n"}`,
		`{"__type":"bigint","value":"1n"}`, `{"__type":"bigint","value":"-"}`, `{"__type":"bigint","value":"--1"}`, `{"__type":"bigint","value":"0x1"}`,
		`{"__type":"bigint","value":"` + strings.Repeat("9", 615) + `"}`,
		`{"__type":"v8","value":""}`, `{"__type":"v8","value":"/w9J"}`, `{"__type":"v8","value":"/w9f","text":1}`, `{"__type":"v8","value":"/w9f","texts":""}`,
		`{"__type":"v8","text":"","value":"/w9f"}`, `{"__type":"date","value":"7"}`, `{"__type":"u64"}`, `{"value":"7"}`, `{"__type":"u64","value":"7","a":1}`,
		`{"type":"u64","value":"7"}`, `[{"__type":"u64","value":"7"}]`, `{"a":{"__type":"u64","value":"7"}}`, `"{\"__type\":\"u64\",\"value\":\"7\"}"`,
	} {
		loaded, e := AppendLoaded(nil, []byte(stored))
		if e != V8 {
			t.Errorf("%s is loaded in encoding %d", stored, e)
		}
		if again := mustStore(t, loaded, V8); again != stored {
			t.Errorf("%s is loaded as %x, which is stored as %s", stored, loaded, again)
		}
	}
}

func TestAnObjectOfDenosThatLooksLikeAFormComesBack(t *testing.T) {
	for _, form := range []string{
		`{"__type":"u64","value":"7"}`, `{"value":"7","__type":"u64"}`, `{"__type":"bytes","value":""}`, `{"__type":"bigint","value":"-1"}`,
		`{"__type":"v8","value":"/w9f"}`, `{"__type":"v8","value":"/w9f","text":"x"}`,
	} {
		data := appendPlain(nil, []byte(form))
		stored := mustStore(t, data, V8)
		if want := string(appendV8Form(nil, data, []byte(form))); stored != want {
			t.Errorf("the object %s is stored as %s, want %s", form, stored, want)
		}
		if got, e := AppendLoaded(nil, []byte(stored)); e != V8 || !bytes.Equal(got, data) {
			t.Errorf("the object %s is loaded as %x (%d), want %x", form, got, e, data)
		}
	}
}

func TestWhatOnlyNodeReadsIsRewritten(t *testing.T) {
	for _, v := range []struct{ node, v8, text string }{
		{"ff0f5c0103010203", "ff0f4203010203 5642000300", `Uint8Array(3) [1,2,3]`},
		{"ff0f5c0a03010203", "ff0f4203010203 5642000300", `Uint8Array(3) [1,2,3]`},
		{"ff10440000000000000000", "ff0f440000000000000000", `1970-01-01T00:00:00.000Z`},
		{"ff0d5c0103010203", "ff0d4203010203 56420003", `Uint8Array(3) [1,2,3]`},
		{"ff0f5c03 03 010203", "ff0f4203010203 5677000200", `Int16Array(1) [513]`},
		{"ff0f5c0d 02 003e", "ff0f4202003e 5668000200", `Float16Array(1) [1.5]`},
		{ // an array of a view, an object, the view, the object, the array, a view, that view
			"ff0f41 07 5c010101 6f7b00 5e01 5e02 5e00 5c090102 5e03 240007",
			"ff0f41 07 420101 5642000100 6f7b00 5e02 5e03 5e00 420102 563f000100 5e05 240007",
			`[Uint8Array(1) [1],{},<ref *1>,<ref *2>,<ref *0>,DataView(1) [2],<ref *3>]`,
		},
		{"ff0f72 54 6d22016d 634902 73220153 2e", "ff0f72 54 6d22016d 73220153 634902 2e", `TypeError: m (cause: 1)`},
		{"ff0f72 634902 54 73220153 6d22016d 2e", "ff0f72 54 6d22016d 73220153 634902 2e", `Error (cause: 1): m`},
		{ // the cause of the cause, and a view in it
			"ff0f41 03 72 63 72 63 5c010107 732201 53 2e 732200 2e 4902 5e03 240003",
			"ff0f41 03 72 732200 63 72 732201 53 63 420107 5642000100 2e 2e 4902 5e04 240003",
			`[Error (cause: Error (cause: Uint8Array(1) [7])),1,<ref *3>]`,
		},
		{"ff0f5c0101ff 00ff", "ff0f4201ff 5642000100 00ff", `Uint8Array(1) [255]`},
	} {
		data := fromHex(t, v.v8)
		want := string(appendV8Form(nil, data, []byte(v.text)))
		if stored := mustStore(t, fromHex(t, v.node), V8); stored != want {
			t.Errorf("%s is stored as\n%s, want\n%s", v.node, stored, want)
		}
		kept := string(appendV8Form(nil, fromHex(t, v.node), nil))
		if got, e := AppendLoaded([]byte("before"), []byte(kept)); e != V8 || string(got) != "before"+string(data) {
			t.Errorf("%s is loaded as %x (%d), want %x", kept, got, e, data)
		}
	}
}

func TestATextEndsAfterAKilobyte(t *testing.T) {
	long := appendPlain(nil, []byte(`["`+strings.Repeat("é€", 5000)+`"]`))
	data := append(append([]byte{tagVersion, writtenVersion, tagSet, tagUndefined}, long[2:]...), tagSetEnd, 2)
	stored := mustStore(t, data, V8)
	_, text, _ := strings.Cut(stored, `"text":"`)
	if len(text) > maxText+100 || !strings.HasPrefix(text, `Set(2) {undefined, [\"é€é€`) || !strings.HasSuffix(text, `…"}`) {
		t.Errorf("the text of %d bytes is %s", len(text), text)
	}
}
