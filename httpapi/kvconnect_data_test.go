package httpapi_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/kv"
)

func TestWhatDenoWritesIsWhatRESTSeesAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	connectOnEachDatabase(t, func(t *testing.T, f *fixture) {
		c := f.mustConnect(bearer{})
		for i, v := range []struct {
			wire *datapath.KvValue
			json string
		}{
			{v8("6f 2204 6e616d65 2205 416c696365 7b01"), `{"name":"Alice"}`},
			{v8("22 05 68656c6c6f"), `"hello"`},
			{v8("49 54"), `42`},
			{v8("5a 10 0100000000000000"), `{"__type":"bigint","value":"1"}`},
			{u64(7), `{"__type":"u64","value":"7"}`},
			{rawBytes("\x00\xff\x01"), `{"__type":"bytes","value":"AP8B"}`},
			{v8("5f"), `{"__type":"v8","value":"/w9f","text":"undefined"}`},
		} {
			byDeno, byREST := keyOf(t, fmt.Sprintf(`["d",%d]`, i)), keyOf(t, fmt.Sprintf(`["r",%d]`, i))
			stamp := c.mustWrite(set(byDeno, v.wire))
			got := f.must("GET", fmt.Sprintf("/keys/d/%d", i), "")
			if entry := decode[api.Entry](t, got); string(entry.Value) != v.json || string(entry.Versionstamp) != fmt.Sprintf("%x", stamp) {
				t.Errorf("REST has %s, want %s at %x", got.body, v.json, stamp)
			}
			f.must("PUT", fmt.Sprintf("/keys/r/%d", i), v.json)
			for _, key := range []kv.Key{byDeno, byREST} {
				if got := c.get(key); !bytes.Equal(got.GetValue(), v.wire.GetData()) || got.GetEncoding() != v.wire.GetEncoding() || !bytes.Equal(got.GetKey(), []byte(key)) {
					t.Errorf("Deno has %v at %s, want %v", got, key, v.wire)
				}
			}
		}
	})
}

func TestASnapshotReadHasItsRangesInTheirOrder(t *testing.T) {
	t.Parallel()
	connectOnEachDatabase(t, func(t *testing.T, f *fixture) {
		c := f.mustConnect(bearer{})
		// Keys are bytes here, whether they are tuples or not.
		keys := []string{"\x00", "\x01", "\x02", "\x02\x00", "\x02a\x00\xff", "\xfe", "\xff", "\xff\xff\xff"}
		var mutations []*datapath.Mutation
		for i, key := range keys {
			mutations = append(mutations, set(kv.Key(key), u64(uint64(i))))
		}
		c.mustWrite(mutations...)
		ranges := func(from, to string, limit int32, reverse bool) *datapath.ReadRange {
			return &datapath.ReadRange{Start: []byte(from), End: []byte(to), Limit: limit, Reverse: reverse}
		}
		for _, ask := range [][]*datapath.ReadRange{
			{ranges("", "\xff\xff\xff\xff", 100, false)},
			{ranges("", "\xff\xff\xff\xff", 3, true)},
			{just("\x02"), just("\x03"), just("\xff")},
			{just("\x02"), ranges("\x02", "\xff", 2, false), ranges("\xff", "\x00", 1, false), ranges("\x01", "\x01", 1, true)},
			{ranges("\x01", "\xff", 1, false)}, // npm's get
			{},
		} {
			found, got := c.read(ask...)
			if got.status != 200 || got.header.Get("Content-Type") != "application/x-protobuf" {
				t.Fatalf("%v: got %d %s %s", ask, got.status, got.header, got.body)
			}
			for i, r := range ask {
				var have, want []string
				for _, entry := range found[i] {
					have = append(have, string(entry.GetKey()))
				}
				for _, key := range keys {
					if key >= string(r.GetStart()) && key < string(r.GetEnd()) {
						want = append(want, key)
					}
				}
				if r.GetReverse() {
					slices.Reverse(want)
				}
				want = want[:min(len(want), int(r.GetLimit()))]
				if !slices.Equal(have, want) {
					t.Errorf("%v of %v: got %q, want %q", r, ask, have, want)
				}
			}
		}
	})
}

func TestAnAtomicWriteIsAllOrNothing(t *testing.T) {
	t.Parallel()
	connectOnEachDatabase(t, func(t *testing.T, f *fixture) {
		c := f.mustConnect(bearer{})
		a, b := keyOf(t, `["a"]`), keyOf(t, `["b"]`)
		stamp := c.mustWrite(set(a, v8("22 01 61")))
		for name, w := range map[string]*datapath.AtomicWrite{
			"a sum on a text":    {Mutations: []*datapath.Mutation{set(b, u64(1)), {Key: []byte(a), Value: u64(1), MutationType: datapath.MutationType_M_SUM}}},
			"an unknown type":    {Mutations: []*datapath.Mutation{set(b, u64(1)), {Key: []byte(a), MutationType: 7}}},
			"a broken value":     {Mutations: []*datapath.Mutation{set(b, u64(1)), set(a, v8("22 09"))}},
			"a short U64":        {Mutations: []*datapath.Mutation{set(b, u64(1)), set(a, &datapath.KvValue{Data: []byte{1}, Encoding: datapath.ValueEncoding_VE_LE64})}},
			"no encoding":        {Mutations: []*datapath.Mutation{set(b, u64(1)), set(a, &datapath.KvValue{Data: []byte{1}})}},
			"no value":           {Mutations: []*datapath.Mutation{set(b, u64(1)), {Key: []byte(a), MutationType: datapath.MutationType_M_SET}}},
			"no key":             {Mutations: []*datapath.Mutation{set(b, u64(1)), set("", u64(1))}},
			"a short stamp":      {Checks: []*datapath.Check{{Key: []byte(a), Versionstamp: []byte{1}}}, Mutations: []*datapath.Mutation{set(b, u64(1))}},
			"an expiry before 0": {Mutations: []*datapath.Mutation{{Key: []byte(b), Value: u64(1), MutationType: datapath.MutationType_M_SET, ExpireAtMs: -2}}},
			"a far deadline":     {Mutations: []*datapath.Mutation{set(b, u64(1))}, Enqueues: []*datapath.Enqueue{{Payload: v8("54").GetData(), DeadlineMs: time.Now().AddDate(0, 0, 31).UnixMilli()}}},
			"a long backoff":     {Mutations: []*datapath.Mutation{set(b, u64(1))}, Enqueues: []*datapath.Enqueue{{Payload: v8("54").GetData(), BackoffSchedule: []uint32{3600001}}}},
		} {
			if out, got := c.write(w); got.status < 400 || got.status > 499 || got.body == "" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
				t.Errorf("%s: got %d %q %v, want 4xx and why", name, got.status, got.body, out)
			}
		}
		out, got := c.write(&datapath.AtomicWrite{
			Checks: []*datapath.Check{
				{Key: []byte(a), Versionstamp: stamp}, {Key: []byte(a)}, {Key: []byte(b)}, {Key: []byte(b), Versionstamp: stamp}},
			Mutations: []*datapath.Mutation{set(b, u64(1))},
			Enqueues:  []*datapath.Enqueue{{Payload: v8("54").GetData()}},
		})
		if want := (&datapath.AtomicWriteOutput{Status: datapath.AtomicWriteStatus_AW_CHECK_FAILURE, FailedChecks: []uint32{1, 3}}); got.status != 200 || !proto.Equal(out, want) {
			t.Errorf("checks that do not hold: got %d %v, want %v", got.status, out, want)
		}
		if got := c.get(b); got != nil {
			t.Errorf("one that failed has written %v", got)
		}
	})
}

func TestEveryCommitHasAVersionstampOfItsOwn(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	key := keyOf(t, `["a"]`)
	last := c.mustWrite()
	for name, next := range map[string][]byte{
		"nothing": c.mustWrite(), "a delete of nothing": c.mustWrite(&datapath.Mutation{Key: []byte(key), MutationType: datapath.MutationType_M_DELETE}),
	} {
		if bytes.Compare(next, last) <= 0 {
			t.Errorf("%s is at %x, after %x", name, next, last)
		}
	}
}

func TestTwentyIncrementersThatRaceCountThemAll(t *testing.T) {
	t.Parallel()
	connectOnEachDatabase(t, func(t *testing.T, f *fixture) {
		c := f.mustConnect(bearer{})
		key := keyOf(t, `["n"]`)
		const racers, times = 20, 5
		var wg sync.WaitGroup
		for range racers {
			wg.Go(func() {
				for range times {
					for !c.incremented(key) {
					}
				}
			})
		}
		wg.Wait()
		if got := f.must("GET", "/keys/n", ""); string(decode[api.Entry](t, got).Value) != strconv.Itoa(racers*times) {
			t.Errorf("got %s, want %d", got.body, racers*times)
		}
	})
}

// incremented tells whether nobody else was faster.
func (c *connection) incremented(key kv.Key) bool {
	n := byte(0)
	entry := c.get(key)
	if entry != nil {
		n = entry.GetValue()[3] / 2 // zigzag
		if len(entry.GetValue()) > 4 {
			n = (entry.GetValue()[3]&0x7f | entry.GetValue()[4]<<7) / 2
		}
	}
	text := f8(int(n) + 1)
	out, got := c.write(&datapath.AtomicWrite{
		Checks:    []*datapath.Check{{Key: []byte(key), Versionstamp: entry.GetVersionstamp()}},
		Mutations: []*datapath.Mutation{set(key, v8(text))},
	})
	if got.status != 200 {
		c.f.t.Fatalf("got %d %s", got.status, got.body)
	}
	return out.GetStatus() == datapath.AtomicWriteStatus_AW_SUCCESS
}

// f8 is a small positive number as V8 has it.
func f8(n int) string {
	if n *= 2; n < 0x80 {
		return fmt.Sprintf("49%02x", n)
	}
	return fmt.Sprintf("49%02x%02x", n&0x7f|0x80, n>>7)
}

func TestAnEntryExpiresWhenItsWriterSays(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	gone, stays := keyOf(t, `["gone"]`), keyOf(t, `["stays"]`)
	at := time.Now().Add(time.Hour).UnixMilli()
	c.mustWrite(
		&datapath.Mutation{Key: []byte(gone), Value: u64(1), MutationType: datapath.MutationType_M_SET, ExpireAtMs: 1},
		&datapath.Mutation{Key: []byte(stays), Value: u64(1), MutationType: datapath.MutationType_M_SET, ExpireAtMs: at},
	)
	if got := c.get(gone); got != nil {
		t.Errorf("what has expired is there: %v", got)
	}
	if got := decode[api.Entry](t, f.must("GET", "/keys/stays", "")); got.ExpiresAt != at {
		t.Errorf("it expires at %v, want %d", got.ExpiresAt, at)
	}
	c.mustWrite(&datapath.Mutation{Key: []byte(stays), Value: u64(1), MutationType: datapath.MutationType_M_SUM})
	if got := decode[api.Entry](t, f.must("GET", "/keys/stays", "")); got.ExpiresAt != 0 {
		t.Errorf("after a sum it expires at %v, want never", got.ExpiresAt)
	}
}

func TestASetMayEndItsKeyWithItsVersionstamp(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	stamp := c.mustWrite(&datapath.Mutation{Key: []byte(keyOf(t, `["log"]`)), Value: u64(1), MutationType: datapath.MutationType_M_SET_SUFFIX_VERSIONSTAMPED_KEY})
	if got := c.get(keyOf(t, fmt.Sprintf(`["log","%x"]`, stamp))); !bytes.Equal(got.GetVersionstamp(), stamp) {
		t.Errorf("got %v, want an entry of %x", got, stamp)
	}
}

func TestWhatIsEnqueuedIsInTheDefaultQueue(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	if out, got := c.write(&datapath.AtomicWrite{Enqueues: []*datapath.Enqueue{{
		Payload: v8("6f 2201 61 4902 7b01").GetData(), DeadlineMs: time.Now().UnixMilli(), BackoffSchedule: []uint32{0},
		KeysIfUndelivered: [][]byte{[]byte(keyOf(t, `["dead"]`))},
	}}}); got.status != 200 {
		t.Fatalf("got %d %s %v", got.status, got.body, out)
	}
	for range 2 {
		var message *api.Message
		await.That(t, "the message comes", func() bool {
			message = decode[api.DequeueResult](t, f.must("GET", "/queue/dequeue", "")).Message
			return message != nil
		})
		if string(message.Value) != `{"a":1}` {
			t.Errorf("got %s", message.Value)
		}
		f.must("POST", "/queue/nack", fmt.Sprintf(`{"id":%q,"receipt":%q}`, message.ID, message.Receipt))
	}
	if got := c.get(keyOf(t, `["dead"]`)); got == nil {
		t.Error("the key of what was not delivered is not there")
	}
}

func TestAMessageWhoseDeadlineIsOverIsThereAtOnce(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	for _, deadline := range []int64{math.MinInt64, -1, 0, 1} {
		if _, got := c.write(&datapath.AtomicWrite{Enqueues: []*datapath.Enqueue{{Payload: v8("54").GetData(), DeadlineMs: deadline}}}); got.status != 200 {
			t.Fatalf("%d: got %d %s", deadline, got.status, got.body)
		}
		if message := decode[api.DequeueResult](t, f.must("GET", "/queue/dequeue", "")).Message; message == nil {
			t.Errorf("%d: there is no message", deadline)
		}
	}
}

func TestWhatIsOverALimitIsRefusedBeforeItIsDecoded(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	c := f.mustConnect(bearer{})
	key := keyOf(t, `["a"]`)
	many := func(n int, field byte) string { return strings.Repeat(string([]byte{field<<3 | 2, 0}), n) }
	for name, ask := range map[string]struct{ path, body, want string }{
		"11 ranges":           {"snapshot_read", many(11, 1), "max 10"},
		"101 checks":          {"atomic_write", many(101, 1), "max 100"},
		"1,001 mutations":     {"atomic_write", many(1001, 2), "max 1000"},
		"1,001 together":      {"atomic_write", many(501, 2) + many(500, 3), "max 1000"},
		"11 undelivered keys": {"atomic_write", "\x1a\x16" + many(11, 3), "max 10"},
		"a long schedule":     {"atomic_write", "\x1a\x67\x22\x65" + strings.Repeat("\x01", 101), "max 10"},
		"11 watched keys":     {"watch", many(11, 1), "max 10"},
		"half a message":      {"atomic_write", "\x0a\x7f", "no message"},
		"a value":             {"atomic_write", mustMarshal(t, &datapath.AtomicWrite{Mutations: []*datapath.Mutation{set(key, rawBytes(strings.Repeat("x", 65537)))}}), "max 65536"},
		"a write's key":       {"atomic_write", mustMarshal(t, &datapath.AtomicWrite{Mutations: []*datapath.Mutation{set(kv.Key(strings.Repeat("x", 2049)), u64(1))}}), "max 2048"},
		"a read's key":        {"snapshot_read", mustMarshal(t, &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{{Start: make([]byte, 2050), Limit: 1}}}), "max 2049"},
		"no limit":            {"snapshot_read", mustMarshal(t, &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{{End: []byte{1}}}}), "at least 1"},
		"1,001 entries":       {"snapshot_read", mustMarshal(t, &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{{Limit: 1000}, {Limit: 1}}}), "max 1000"},
		"2^31 entries":        {"snapshot_read", mustMarshal(t, &datapath.SnapshotRead{Ranges: []*datapath.ReadRange{{Limit: 1<<31 - 1}, {Limit: 1<<31 - 1}}}), "max 1000"},
		"all together":        {"atomic_write", mustMarshal(t, &datapath.AtomicWrite{Mutations: slices.Repeat([]*datapath.Mutation{set(key, rawBytes(strings.Repeat("x", 65536)))}, 13)}), "max 819200"},
	} {
		if got := f.do("POST", "/v2/"+ask.path, ask.body, c.headers...); got.status < 400 || got.status > 499 || !strings.Contains(got.body, ask.want) {
			t.Errorf("%s: got %d %q, want 4xx with %q", name, got.status, got.body, ask.want)
		}
	}
	c.mustWrite(slices.Repeat([]*datapath.Mutation{set(key, rawBytes(strings.Repeat("x", 65536)))}, 12)...)
	if got, _ := c.read(slices.Repeat([]*datapath.ReadRange{just(key)}, 10)...); len(got) != 10 {
		t.Errorf("got %d ranges, want the 10 that may be read", len(got))
	}
}

func mustMarshal(t *testing.T, m proto.Message) string {
	t.Helper()
	body, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAValueThatBecomesMoreThanARowHoldsIsRefused(t *testing.T) {
	t.Parallel()
	f := mustServe(t, func(cfg *httpapi.Config) { cfg.KVConnectMaxValueBytes = 2 << 20 })
	c := f.mustConnect(bearer{})
	for char, want := range map[string]int{"a": 200, "\x01": 413} { // which JSON writes as \u0001
		text := &datapath.KvValue{Data: slices.Concat(v8("53").GetData(), protowire.AppendString(nil, strings.Repeat(char, 1<<20))), Encoding: datapath.ValueEncoding_VE_V8}
		if _, got := c.write(&datapath.AtomicWrite{Mutations: []*datapath.Mutation{set(keyOf(t, `["n"]`), text)}}); got.status != want {
			t.Errorf("%q: got %d %s, want %d", char, got.status, got.body, want)
		}
	}
}
