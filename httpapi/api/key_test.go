package api_test

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// keys are keys with parts of the types that answers have.
var keys = []api.Key{
	{"users", "alice"},
	{"", ".", "..", "a/b", "a,b", "a b", "a+b", "%", "~", "~s:x", "~n:1", "é", "🌎", "\x00", "\"\\\n<&>", "\u2028"},
	{"count"},
	{"paginate"},
	{"a", "count"},
	{"0"}, {"-0"}, {"007"}, {"42"}, {"-1"}, {"1.5"}, {"9007199254740991"}, {"9007199254740992"}, {"+1"},
	{0.0}, {math.Copysign(0, -1)}, {1.0}, {-1.0}, {12.5}, {0.1}, {1e-7}, {5e-324}, {math.MaxFloat64},
	{9007199254740991.0}, {9007199254740992.0}, {-9223372036854775808.0}, {1e20}, {1e21},
	{true, false},
	{new(big.Int), big.NewInt(-5), new(big.Int).Lsh(big.NewInt(1), 100)},
	{[]byte{}, []byte{0, 0xff, 1}, []byte("bytes")},
}

func TestTheServerReadsTheKeysThatAClientWrites(t *testing.T) {
	for _, k := range keys {
		want, err := kv.NewKey(k...)
		if err != nil {
			t.Fatalf("NewKey(%v): %v", k, err)
		}
		text, err := json.Marshal(k)
		if err != nil {
			t.Errorf("Marshal(%v): %v", k, err)
		}
		if got, err := kv.ParseKeyJSON(text); err != nil || got != want {
			t.Errorf("the server reads %s as %s, %v, want %s", text, got, err, want)
		}
		path, err := k.Path()
		if err != nil {
			t.Errorf("Path of %v: %v", k, err)
		}
		if got, err := kv.ParseKeyPath(path); err != nil || got != want {
			t.Errorf("the server reads %s as %s, %v, want %s", path, got, err, want)
		}
		if got := want.Path(); got != path {
			t.Errorf("the server writes %s, the client %s", got, path)
		}
	}
}

func TestAClientWritesAndReadsOpaqueKeysAsTheServerDoes(t *testing.T) {
	for _, want := range []kv.Key{"\x02a\x00\xff", "\xff\xfe", "\x00"} {
		var k api.Key
		if err := json.Unmarshal(want.AppendJSON(nil), &k); err != nil {
			t.Fatal(err)
		}
		if whole, ok := k[0].(api.Opaque); !ok || len(k) != 1 || string(whole) != string(want) {
			t.Errorf("the client reads %s as %#v", want, k)
		}
		if text, err := json.Marshal(k); err != nil || string(text) != want.String() {
			t.Errorf("the client writes %s, %v, want %s", text, err, want)
		}
		if path, err := k.Path(); err != nil || path != want.Path() {
			t.Errorf("the client writes %s, %v, want %s", path, err, want.Path())
		}
	}
	for _, k := range []api.Key{{"a", api.Opaque("b")}, {api.Opaque("a"), "b"}} {
		if text, err := json.Marshal(k); err == nil {
			t.Errorf("%#v is written as %s", k, text)
		}
		if path, err := k.Path(); err == nil {
			t.Errorf("%#v is written as %s", k, path)
		}
	}
	var k api.Key
	for _, text := range []string{`{"__type":"bytes","value":"AA=="}`, `{"__type":"key","value":"!"}`, `{"__type":"key","value":1}`} {
		if err := json.Unmarshal([]byte(text), &k); err == nil {
			t.Errorf("the client reads %s as %#v", text, k)
		}
	}
}

func TestAClientReadsTheKeysThatTheServerWrites(t *testing.T) {
	for _, want := range keys {
		k, err := kv.NewKey(want...)
		if err != nil {
			t.Fatalf("NewKey(%v): %v", want, err)
		}
		var got api.Key
		if err := json.Unmarshal(k.AppendJSON(nil), &got); err != nil || !sameKey(got, want) {
			t.Errorf("the client reads %s as %#v, %v, want %#v", k, got, err, want)
		}
	}
}

// sameKey tells -0 from 0 and compares bigints by value.
func sameKey(a, b api.Key) bool {
	for i := range min(len(a), len(b)) {
		if n, ok := a[i].(*big.Int); ok {
			if m, ok := b[i].(*big.Int); !ok || n.Cmp(m) != 0 {
				return false
			}
			continue
		}
		f, isNumber := a[i].(float64)
		g, _ := b[i].(float64)
		if !reflect.DeepEqual(a[i], b[i]) || isNumber && math.Signbit(f) != math.Signbit(g) {
			return false
		}
	}
	return len(a) == len(b)
}

func TestAnIntegerPartIsANumber(t *testing.T) {
	got, err := api.Key{1, int64(-2)}.Path()
	if want := "1/-2"; err != nil || got != want {
		t.Errorf("Path = %s, %v, want %s", got, err, want)
	}
}

func TestACommitVersionstampHasOnlyAJSONForm(t *testing.T) {
	k := api.Key{"log", api.CommitVersionstamp{}}
	got, err := json.Marshal(k)
	if want := `["log",{"__type":"commitVersionstamp"}]`; err != nil || string(got) != want {
		t.Errorf("Marshal = %s, %v, want %s", got, err, want)
	}
	if path, err := k.Path(); err == nil {
		t.Errorf("Path = %s, want an error", path)
	}
}

func TestPartsThatNoKeyCanHold(t *testing.T) {
	for _, part := range []any{nil, struct{}{}, float32(1), math.NaN(), math.Inf(1), 1<<53 + 1, int64(math.MaxInt64), (*big.Int)(nil), []any{}} {
		if text, err := json.Marshal(api.Key{part}); err == nil {
			t.Errorf("Marshal of part %#v = %s, want an error", part, text)
		}
		if path, err := (api.Key{part}).Path(); err == nil {
			t.Errorf("Path of part %#v = %s, want an error", part, path)
		}
	}
	for _, text := range []string{`{}`, `"a"`, `[null]`, `[[]]`, `[{"__type":"x"}]`, `[{"__type":"bigint","value":"x"}]`, `[{"__type":"bytes","value":"!"}]`} {
		var k api.Key
		if err := json.Unmarshal([]byte(text), &k); err == nil {
			t.Errorf("Unmarshal(%s) = %v, want an error", text, k)
		}
	}
}
