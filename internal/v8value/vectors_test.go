package v8value

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// fromHex reads bytes in hexadecimal, which spaces may group.
func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustStore(t testing.TB, data []byte, e Encoding) string {
	t.Helper()
	stored, err := AppendStored([]byte("before"), data, e)
	if err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	return strings.TrimPrefix(string(stored), "before")
}

// plainVectors are values that JSON holds, as V8 writes them.
var plainVectors = []struct{ v8, json string }{
	{"ff0f30", `null`},
	{"ff0f54", `true`},
	{"ff0f46", `false`},
	{"ff0f4900", `0`},
	{"ff0f4902", `1`},
	{"ff0f4901", `-1`},
	{"ff0f4954", `42`},
	{"ff0f49feffffff0f", `2147483647`},
	{"ff0f49ffffffff0f", `-2147483648`},
	{"ff0f4e0000e0ffffffef41", `4294967295`},
	{"ff0f4e000000000000f83f", `1.5`},
	{"ff0f2200", `""`},
	{"ff0f220568656c6c6f", `"hello"`},
	{"ff0f2201e9", `"é"`},
	{"ff0f6302ac20", `"€"`},
	{"ff0f63043cd80edf", `"🌎"`},
	{"ff0f2206225c0a1f417f", "\"\\\"\\\\\\n\\u001fA\x7f\""},
	{"ff0f6f7b00", `{}`},
	{"ff0f6f22016149022201622201787b02", `{"a":1,"b":"x"}`},
	{"ff0f6f006302ac2049027b01", `{"€":1}`},
	{"ff0f6f490222016122022d3122016222017849027b03", `{"1":"a","-1":"b","x":1}`},
	{"ff0f41002400 00", `[]`},
	{"ff0f4103490249044906240003", `[1,2,3]`},
	{"ff0f4e50efe2d6e41a4b44", `1e+21`},
	{"ff0f4e8dedb5a0f7c6b03e", `0.000001`},
	{"ff0f4e48afbc9af2d77a3e", `1e-7`},
}

func TestWhatJSONHoldsIsStoredAsJSON(t *testing.T) {
	for _, v := range plainVectors {
		if got := mustStore(t, fromHex(t, v.v8), V8); got != v.json {
			t.Errorf("%s is stored as %s, want %s", v.v8, got, v.json)
		}
	}
}

func TestJSONIsLoadedAsV8WritesIt(t *testing.T) {
	for _, v := range plainVectors {
		got, e := AppendLoaded(nil, []byte(v.json))
		if want := fromHex(t, v.v8); e != V8 || !bytes.Equal(got, want) {
			t.Errorf("%s is loaded as %x (%d), want %x", v.json, got, e, want)
		}
	}
}

func TestSpellingsOfWhatJSONHolds(t *testing.T) {
	for _, v := range []struct{ v8, json string }{
		{"ff0f 00 00 4902", `1`},            // padding
		{"ff0f 3f07 4902", `1`},             // an object count
		{"ff0f 4902 ff", `1`},               // trailing bytes
		{"ff10 4902", `1`},                  // a newer one
		{"ff0d 4902", `1`},                  // an older version
		{"ff0e 4902", `1`},                  // another
		{"ff8f00 4902", `1`},                // a varint longer than need be
		{"ff0f 55ffffffff0f", `4294967295`}, // uint32
		{"ff0f 4e000000000000f03f", `1`},    // a double that is an integer
		{"ff0f 5303 e282ac", `"€"`},         // UTF-8
		{"ff0f 6302 4100", `"A"`},           // two bytes where one would do
		{"ff0f 61 03 4900 4900 4902 4900 4904 4900 40 03 03", `[0,0,0]`}, // new Array(3).fill(0)
		{"ff0f 61 02 220130 4902 55014904 40 02 02", `[1,2]`},
		{"ff0f 61 00 4900 4902 40 01 00", `[1]`}, // it grows
		{"ff0f 6f 55ffffffff0f 4902 7b01", `{"4294967295":1}`},
		{"ff0f 6f 4e000000000000f83f 4902 7b01", `{"1.5":1}`},
		{"ff0f 6f 4e0000000000000080 4902 7b01", `{"0":1}`},
		{"ff0f 6f 4e000000000000f87f 4902 7b01", `{"NaN":1}`},
		{"ff0f 6f 22095f5f70726f746f5f5f 6f7b00 7b01", `{"__proto__":{}}`},
	} {
		if got := mustStore(t, fromHex(t, v.v8), V8); got != v.json {
			t.Errorf("%s is stored as %s, want %s", v.v8, got, v.json)
		}
	}
}

// keptVectors are values that JSON does not hold, and their texts.
var keptVectors = []struct{ v8, text string }{
	{"ff0f5f", `undefined`},
	{"ff0f4e0000000000000080", `-0`},
	{"ff0f4e000000000000f87f", `NaN`},
	{"ff0f4e000000000000f0ff", `-Infinity`},
	{"ff0f 6302 00d8", `"\ud800"`},
	{"ff0f 6304 00dc00d8", `"\udc00\ud800"`},
	{"ff0f 5302 61ff", `"a�"`},
	{"ff0f 6f 2201615f 7b01", `{"a":undefined}`},
	{"ff0f 6f 220161 5a0219 7b01", `{"a":25n}`},
	{"ff0f 6f 00 6302 00d8 4902 7b01", `{"\ud800":1}`},
	{"ff0f61034900490249044906400203", `[1,<1 empty>,3]`},
	{"ff0f6103400003", `[<3 empty>]`},
	{"ff0f61ffffffff0f 40 00 ffffffff0f", `[<4294967295 empty>]`},
	{"ff0f41 03 4902 2d 2d 24 00 03", `[1,<2 empty>]`},
	{"ff0f41 01 4902 220178 4904 24 01 01", `[1,"x":2]`},
	{"ff0f440000000000000000", `1970-01-01T00:00:00.000Z`},
	{"ff0f4400008056febc7842", `2023-11-14T22:13:20.000Z`},
	{"ff0f44 000000000000f87f", `Invalid Date`},
	{"ff0f44 0000dcc208b23e43", `+275760-09-13T00:00:00.000Z`},
	{"ff0f44 0000dcc208b23ec3", `-271821-04-20T00:00:00.000Z`},
	{"ff0f79", `[Boolean: true]`},
	{"ff0f78", `[Boolean: false]`},
	{"ff0f6e 000000000000f83f", `[Number: 1.5]`},
	{"ff0f7a 0219", `[BigInt: 25n]`},
	{"ff0f73 220161", `[String: "a"]`},
	{"ff0f3b22016149023a02", `Map(1) {"a" => 1}`},
	{"ff0f3b 3a00", `Map(0) {}`},
	{"ff0f2749022201782c02", `Set(2) {1, "x"}`},
	{"ff0f522203617364 03", `/asd/gi`},
	{"ff0f522203612f22 bf01", `/a/"/dgimsuy`},
	{"ff0f4203010203", `ArrayBuffer(3) [1,2,3]`},
	{"ff0f7e 0204 0102", `ArrayBuffer(2) [1,2]`},
	{"ff0f4203010203 5642000300", `Uint8Array(3) [1,2,3]`},
	{"ff0f42 04 01020304 56 42 01 02 00", `Uint8Array(2) [2,3]`},
	{"ff0f42 02 ff80 56 62 00 02 00", `Int8Array(2) [-1,-128]`},
	{"ff0f42 01 ff 56 43 00 01 00", `Uint8ClampedArray(1) [255]`},
	{"ff0f42 02 ffff 56 77 00 02 00", `Int16Array(1) [-1]`},
	{"ff0f42 02 ffff 56 57 00 02 00", `Uint16Array(1) [65535]`},
	{"ff0f42 04 ffffffff 56 64 00 04 00", `Int32Array(1) [-1]`},
	{"ff0f42 04 ffffffff 56 44 00 04 00", `Uint32Array(1) [4294967295]`},
	{"ff0f42 04 0000c03f 56 66 00 04 00", `Float32Array(1) [1.5]`},
	{"ff0f42 08 000000000000f83f 56 46 00 08 00", `Float64Array(1) [1.5]`},
	{"ff0f42 08 ffffffffffffffff 56 71 00 08 00", `BigInt64Array(1) [-1n]`},
	{"ff0f42 08 ffffffffffffffff 56 51 00 08 00", `BigUint64Array(1) [18446744073709551615n]`},
	{"ff0f42 08 003e 00fc 0100 007e 56 68 00 08 00", `Float16Array(4) [1.5,-Infinity,5.960464477539063e-8,NaN]`},
	{"ff0f42 02 0102 56 3f 00 02 00", `DataView(2) [1,2]`},
	{"ff0f7e 02 04 0102 56 42 00 02 03", `Uint8Array(2) [1,2]`},
	{"ff0f6f220473656c665e007b01", `{"self":<ref *0>}`},
	{"ff0f41026f22017849027b015e01240002", `[{"x":1},<ref *1>]`},
	{"ff0f72546d2204626f6f6d732201532e", `TypeError: boom`},
	{"ff0f726d22016d732201536349022e", `Error: m (cause: 1)`},
	{"ff0f72 63 5e00 2e", `Error (cause: <ref *0>)`},
	{"ff0f72 6d220161 6d220162 2e", `Error: a: b`},
	{"ff0f43 03 010203 5642010200", `Uint8Array(2) [2,3]`},
	{"ff0f43 03 010203", `ArrayBuffer(3) [1,2,3]`},
	{"ff0f722e", `Error`},
	{"ff0f41 06 72452e 72522e 72462e 72532e 72542e 72552e 240006", `[EvalError,RangeError,ReferenceError,SyntaxError,TypeError,URIError]`},
	{"ff0d4203010203 56420003", `Uint8Array(3) [1,2,3]`},
	{"ff0d 41 01 4203010203 56 42 00 03 00 24 00 01", `[Uint8Array(3) [1,2,3]]`},
	{"ff0f41 02 42020000 56420002 00 5e01 56420101 00 240002", `[Uint8Array(2) [0,0],Uint8Array(1) [0]]`},
	{"ff0f5f 00ff", `undefined`}, // trailing bytes stay
}

func TestWhatJSONCannotHoldKeepsItsBytes(t *testing.T) {
	for _, v := range keptVectors {
		data := fromHex(t, v.v8)
		stored := mustStore(t, data, V8)
		want := string(appendV8Form(nil, data, []byte(v.text)))
		if stored != want {
			t.Errorf("%s is stored as\n%s, want\n%s", v.v8, stored, want)
		}
		if got, e := AppendLoaded(nil, []byte(stored)); e != V8 || !bytes.Equal(got, data) {
			t.Errorf("%s is loaded as %x (%d), want %x", stored, got, e, data)
		}
	}
}

func TestWhatV8RefusesIsRefused(t *testing.T) {
	for _, v8 := range []string{
		"", "ff", "ff0f", "ff0c4902", "ff114902", "4902",
		"ff0f49", "ff0f49ff", "ff0f4e0000", "ff0f5a", "ff0f5a01", "ff0f5a02", "ff0f220261", "ff0f6303610061", "ff0f630161", "ff0f530261",
		"ff0f6f", "ff0f6f7b", "ff0f6f7b01", "ff0f6f2201617b01", "ff0f6f220161", "ff0f6f54 4902 7b01", "ff0f6f6f7b00 4902 7b01", "ff0f6f5a0219 4902 7b01",
		"ff0f6f 220161 4902 220161 4904 7b02", "ff0f6f 220131 4902 4902 4904 7b02", "ff0f6f 220161 4902 63026100 4904 7b02",
		"ff0f6f 530161 4902 220161 4902 7b02", "ff0f6f 22034e614e 4902 4e000000000000f87f 4902 7b02", "ff0f6f 2201612d 7b01",
		"ff0f41ffffffff0f", "ff0f4101 4902", "ff0f4101 4902 240002", "ff0f4101 4902 240101", "ff0f4101 4902 4900 4902 240101",
		"ff0f4101 4902 22066c656e677468 4902 240101", "ff0f6102 4900 4902 4001", "ff0f6102 400003", "ff0f6102 400102",
		"ff0f6102 4900 4902 220130 4902 400202",
		"ff0f44000000", "ff0f6e00", "ff0f7a", "ff0f7349 02", "ff0f73", "ff0f524902 00", "ff0f52220161", "ff0f52220161 40", "ff0f52220161 8004",
		"ff0f3b", "ff0f3b4902 3a01", "ff0f3b4902 4902 3a01", "ff0f27", "ff0f27 4902 2c02", "ff0f27 2c",
		"ff0f42", "ff0f42 0201", "ff0f7e 02 01 0102", "ff0f7e 02", "ff0f42 04 01020304 56 42 01 04 00", "ff0f42 04 01020304 56 42 05 00 00",
		"ff0f42 04 01020304 56 77 01 02 00", "ff0f42 04 01020304 56 77 00 03 00", "ff0f42 04 01020304 56 78 00 03 00", "ff0f42 01 01 56 42 00 01",
		"ff0e42 01 01 56 42 00 01", "ff0f42 01 01 56 42 00 01 01", "ff0f42 01 01 56 42 00 01 02", "ff0f7e 02 04 0102 56 42 00 02 00", "ff0f7e 02 04 0102 56 42 00 02 01",
		"ff0f56", "ff0f4101 56 42 00 00 00 240001", "ff0f5e", "ff0f5e00", "ff0f41015e01 240001", "ff0f41015e00 5642000000 240001",
		"ff0f72", "ff0f726d", "ff0f726d4902 2e", "ff0f7278 2e", "ff0f7273 5f2e", "ff0f7263",
		"ff0f5c", "ff0f5c0e00", "ff0f5c0105", "ff0f7400", "ff0f7500", "ff0f7700", "ff0f6d00", "ff0f7000", "ff0f2d", "ff0f7b00", "ff0f3f", "ff0f7f", "ff0fff0f30",
	} {
		data := fromHex(t, v8)
		stored, err := AppendStored([]byte("before"), data, V8)
		if !errors.Is(err, ErrInvalid) || string(stored) != "before" {
			t.Errorf("%s is stored as %s, %v; want ErrInvalid", v8, stored, err)
		}
	}
}
