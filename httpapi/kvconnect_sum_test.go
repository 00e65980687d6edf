package httpapi_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
)

// Types of mutations that compute, by the names that errors have for them.
var computing = map[string]datapath.MutationType{
	"sum": datapath.MutationType_M_SUM, "min": datapath.MutationType_M_MIN, "max": datapath.MutationType_M_MAX,
}

func TestSumsMinsAndMaxesAreDenos(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	key := keyOf(t, `["n"]`)
	number := func(n float64) *datapath.KvValue { return v8("4e" + littleEndian(math.Float64bits(n))) }
	bigint := func(n uint64) *datapath.KvValue { return v8("5a10" + littleEndian(n)) }
	const minusOne = "5a110100000000000000"
	for i, s := range []struct {
		stored  string // by REST; "" for nothing
		op      string
		operand *datapath.KvValue
		bounds  func(*datapath.Mutation)
		want    string // as REST shows it, or of an error what it says
	}{
		{"", "sum", u64(7), nil, `{"__type":"u64","value":"7"}`},
		{"", "min", u64(7), nil, `{"__type":"u64","value":"7"}`},
		{`{"__type":"u64","value":"18446744073709551615"}`, "sum", u64(10), nil, `{"__type":"u64","value":"9"}`},
		{`{"__type":"u64","value":"5"}`, "min", u64(7), nil, `{"__type":"u64","value":"5"}`},
		{`{"__type":"u64","value":"5"}`, "max", u64(1 << 63), nil, `{"__type":"u64","value":"9223372036854775808"}`},
		{`5`, "sum", u64(1), nil, "Failed to perform 'sum' mutation on a non-U64 value in the database"},
		{`"5"`, "min", u64(1), nil, "Failed to perform 'min' mutation on a non-U64 value in the database"},
		{`5`, "max", number(1), nil, "Failed to perform 'max' mutation on a non-U64 operand"},
		{`{"__type":"u64","value":"5"}`, "sum", number(1), nil, "Cannot sum KvU64 with Number"},
		{`{"__type":"u64","value":"5"}`, "sum", bigint(1), nil, `{"__type":"u64","value":"6"}`},
		{`{"__type":"u64","value":"5"}`, "sum", v8(minusOne), nil, "Cannot sum KvU64 with BigInt"},
		{"", "sum", number(1.5), nil, `1.5`},
		{`1.5`, "sum", number(1), nil, `2.5`},
		{`1`, "sum", v8("4903"), nil, `-1`},
		{`1`, "sum", number(math.Inf(1)), nil, `{"__type":"v8","value":"/w9OAAAAAAAA8H8=","text":"Infinity"}`},
		{`1`, "sum", bigint(1), nil, "Cannot sum Number with BigInt"},
		{`{"__type":"bigint","value":"18446744073709551615"}`, "sum", bigint(1), nil, `{"__type":"bigint","value":"18446744073709551616"}`},
		{`{"__type":"bigint","value":"-1"}`, "sum", bigint(1), nil, `{"__type":"bigint","value":"0"}`},
		{`{"__type":"v8","value":"/w8AP4EATgAAAAAAAPh/"}`, "sum", number(1), nil, `{"__type":"v8","value":"/w9OAAAAAAAA+H8=","text":"NaN"}`}, // behind padding and a count
		{`"text"`, "sum", number(1), nil, "unsupported value type"},
		{`1`, "sum", v8("2200"), nil, "unsupported value type"},
		{`9`, "sum", number(9), func(m *datapath.Mutation) { m.SumMax = number(10).GetData() }, "would exceed its range limit"},
		{`9`, "sum", number(9), func(m *datapath.Mutation) { m.SumMax, m.SumClamp = number(10).GetData(), true }, `10`},
		{`-9`, "sum", number(-9), func(m *datapath.Mutation) { m.SumMin, m.SumClamp = number(-10).GetData(), true }, `-10`},
		{`9`, "sum", number(1), func(m *datapath.Mutation) { m.SumMin, m.SumMax = number(10).GetData(), number(10).GetData() }, `10`},
		{`9`, "sum", number(1), func(m *datapath.Mutation) { m.SumMax = bigint(10).GetData() }, "the bounds of a sum must be of its type"},
		{"", "sum", number(11), func(m *datapath.Mutation) { m.SumMax = number(10).GetData() }, `11`},
		{"", "sum", u64(11), func(m *datapath.Mutation) { m.SumMax = u64(10).GetData() }, "V8"},
		{"", "sum", u64(11), func(m *datapath.Mutation) { m.SumClamp = true }, "not for a U64"},
	} {
		f.must("DELETE", "/keys/n", "")
		if s.stored != "" {
			f.must("PUT", "/keys/n", s.stored)
		}
		m := &datapath.Mutation{Key: []byte(key), Value: s.operand, MutationType: computing[s.op]}
		if s.bounds != nil {
			s.bounds(m)
		}
		_, got := c.write(&datapath.AtomicWrite{Mutations: []*datapath.Mutation{m}})
		after := f.do("GET", "/keys/n", "")
		if got.status == 200 {
			if value := string(decode[api.Entry](t, after).Value); value != s.want {
				t.Errorf("%d: %s of %s is %s, want %s", i, s.op, s.stored, value, s.want)
			}
			continue
		}
		if got.status >= 500 || !strings.Contains(got.body, s.want) {
			t.Errorf("%d: %s of %s: got %d %q, want 4xx with %q", i, s.op, s.stored, got.status, got.body, s.want)
		}
		if s.stored != "" && string(decode[api.Entry](t, after).Value) != s.stored || s.stored == "" && after.status != 404 {
			t.Errorf("%d: it has been changed to %s", i, after.body)
		}
	}
}

// littleEndian is a number in hex, its least byte first.
func littleEndian(n uint64) (digits string) {
	for range 8 {
		digits += fmt.Sprintf("%02x", byte(n))
		n >>= 8
	}
	return digits
}

func TestMutationsOfOneWriteSeeWhatThoseBeforeThemDid(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	key := []byte(keyOf(t, `["n"]`))
	sum := func(n uint64) *datapath.Mutation {
		return &datapath.Mutation{Key: key, Value: u64(n), MutationType: datapath.MutationType_M_SUM}
	}
	c.mustWrite(sum(1), sum(2), &datapath.Mutation{Key: key, MutationType: datapath.MutationType_M_DELETE}, sum(3),
		&datapath.Mutation{Key: key, Value: u64(9), MutationType: datapath.MutationType_M_MAX}, sum(math.MaxUint64))
	if got := c.get(keyOf(t, `["n"]`)); got.GetValue()[0] != 8 {
		t.Errorf("got %v, want 8", got)
	}
}

func TestASumOfABigIntWhoseLengthHasMoreBitsThanV8Reads(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	key := keyOf(t, `["n"]`)
	sum := func(n *datapath.KvValue) *datapath.Mutation {
		return &datapath.Mutation{Key: []byte(key), Value: n, MutationType: datapath.MutationType_M_SUM}
	}
	digits := strings.Repeat("ff", 256) // too long for a form of its own, so that it is stored as it came
	for _, length := range []string{"8084808070", "8084808080"} {
		huge := v8("5a" + length + digits)
		c.mustWrite(set(key, huge), sum(v8("5a100000000000000000")))
		c.mustWrite(&datapath.Mutation{Key: []byte(key), MutationType: datapath.MutationType_M_DELETE}, sum(huge), sum(v8("5a100000000000000000")))
		if got, want := c.get(key), v8("5a8004"+digits); !bytes.Equal(got.GetValue(), want.GetData()) {
			t.Errorf("%s: got %x, want %x", length, got.GetValue(), want.GetData())
		}
	}
}

func TestASumIsNoLargerThanAValueMayBe(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	key := keyOf(t, `["n"]`)
	sum := func(bytes int) reply {
		n := &datapath.KvValue{Data: slices.Concat(v8("5a").GetData(), binary.AppendUvarint(nil, uint64(bytes)<<1), slices.Repeat([]byte{0xff}, bytes)), Encoding: datapath.ValueEncoding_VE_V8}
		_, got := c.write(&datapath.AtomicWrite{Mutations: []*datapath.Mutation{{Key: []byte(key), Value: n, MutationType: datapath.MutationType_M_SUM}}})
		return got
	}
	const most = 64<<10 - 8 // beside what is before the digits
	for _, step := range []struct{ bytes, want int }{{most + 8, 413}, {most, 200}, {8, 413}} {
		if got := sum(step.bytes); got.status != step.want {
			t.Errorf("a bigint of %d bytes: got %d %s, want %d", step.bytes, got.status, got.body, step.want)
		}
	}
}
