package keys

import (
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/queues"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// mustRoom is the room without a store.
func mustRoom(t testing.TB) *room {
	t.Helper()
	return newRoom(Deps{MaxValueBytes: 1 << 10, Messages: Messages{
		Schema: queues.MessageSchema,
		Decode: func(d *route.Decoder) (queue.Enqueue, error) { return queues.DecodeMessage(d, 1<<10) },
	}})
}

// mustFrame knows the room's errors.
func mustFrame(t testing.TB) *route.Frame {
	t.Helper()
	frame, err := route.New(route.Config{
		OperationTimeout: time.Second, Errors: wire.Errors, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// checkError fails if a decoder's error is none that a caller can be told.
func checkError(t *testing.T, err error) {
	t.Helper()
	if code := mustFrame(t).CodeOf(err); code == api.Internal || code.Status() >= 500 {
		t.Errorf("got %v, want an error of the contract", err)
	}
}

func FuzzAtomicBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"checks":[{"key":["a",1],"versionstamp":null}]}`,
		`{"mutations":[{"type":"set","key":["a",{"__type":"commitVersionstamp"}],"value":{"$now":true},"expireIn":5}]}`,
		`{"mutations":[{"type":"set","key":{"__type":"key","value":"AgH/"},"value":1}]}`,
		`{"mutations":[{"type":"sum","key":["a"],"value":"5"},{"type":"append","key":[true],"value":[1, 2]}]}`,
		`{"mutations":[{"type":"delete","key":[{"__type":"bytes","value":"AA"}]}]}`,
		`{"reads":[{"key":["a"]},{"prefix":[],"limit":5,"reverse":true}],"snapshot":"00000000000000000001"}`,
		`{"a":1,"a":2}`, `[`, `{"checks":[[[[`,
	} {
		f.Add([]byte(seed))
	}
	k := mustRoom(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		atomic, _, err := k.decodeAtomic(body, anyCall)
		checkDecoded(t, body, atomic, err)
		transaction, _, err := k.decodeTransaction(body, anyCall)
		checkDecoded(t, body, transaction.AtomicRequest, err)
	})
}

// checkDecoded holds what any body that was accepted must be.
func checkDecoded(t *testing.T, body []byte, req kv.AtomicRequest, err error) {
	t.Helper()
	if err != nil {
		checkError(t, err)
		return
	}
	if !json.Valid(body) {
		t.Errorf("%q was accepted", body)
	}
	for _, m := range req.Mutations {
		if m.Value != nil && !json.Valid(m.Value) {
			t.Errorf("value %q was accepted", m.Value)
		}
		if m.ExpireIn < 0 || m.ExpireIn > wire.ExpireInParam.Max {
			t.Errorf("expireIn %d was accepted", m.ExpireIn)
		}
		if _, err := kv.ParseBytes([]byte(m.Key)); err != nil && !m.Suffix {
			t.Errorf("key %q was accepted: %v", m.Key, err)
		}
	}
}

func FuzzListBody(f *testing.F) {
	for _, seed := range []string{
		`{"prefix":["a"],"start":["a",1],"end":["a",2],"limit":5,"reverse":true,"cursor":null,"consistency":"strong"}`,
		`{"limit":1e400}`, `{"limit":-0}`, `{"cursor":"AAAA"}`, `{"where":{}}`, `{"where":{"a":{"$gt":1,"$in":["b"]},"$or":[{"c[0].d":null}]},"cursor":"AAAA"}`,
		`{"where":{"$not":{"$and":[]}},"where":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := decodeList(body, paginateMembers)
		if err == nil {
			_, err = req.selector(anyCall.Dialect)
		}
		if err != nil {
			checkError(t, err)
		} else if req.Limit < 1 {
			t.Errorf("limit %d was accepted", req.Limit)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "prefix=a%2F1&limit=5", "limit=1&limit=2", "start=%25zz", "cursor=AAAA&reverse=true", "a;b", "%", "=", "limit=+5", "consistency=strong",
	} {
		f.Add(seed)
	}
	k := mustRoom(f)
	r := k.find(f, "GET", "/keys/paginate")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := r.ParseQuery(raw)
		if err != nil {
			checkError(t, err)
			return
		}
		given, err := url.ParseQuery(raw)
		if err != nil {
			t.Errorf("%q was accepted: %v", raw, err)
		}
		for name := range given {
			if !slices.ContainsFunc(r.Query, func(p route.Param) bool { return p.Name == name }) {
				t.Errorf("parameter %q was accepted", name)
			}
		}
		req, err := listQuery(query)
		if err == nil {
			_, err = req.selector(&route.Dialect{Original: true})
		}
		if err != nil {
			checkError(t, err)
		}
	})
}

// find is a route of the table.
func (k *room) find(t testing.TB, method, pattern string) *route.Route {
	t.Helper()
	for _, r := range k.keyReadRoutes() {
		if r.Method == method && r.Pattern == pattern {
			return &r
		}
	}
	t.Fatalf("there is no route %s %s", method, pattern)
	return nil
}

func TestAnErrorNamesTheMemberAsAPersonWould(t *testing.T) {
	t.Parallel()
	k := mustRoom(t)
	for body, want := range map[string]string{
		`{"x":1}`: "unknown member x",
		`{"mutations":[{"type":"delete","key":["a"]},{"tpye":1}]}`: "unknown member mutations[1].tpye",
		`{"checks":5}`:   "checks must be an array",
		`{"checks":[5]}`: "checks[0] must be an object",
		`{"mutations":[{"type":"set","key":["a"],"value":1,"expireIn":true}]}`: "mutations[0].expireIn must be an integer",
		`{"` + strings.Repeat("long", 100) + `":1}`:                            "unknown member " + strings.Repeat("long", 25) + "…",
		`{"checks":[],"checks":[]}`:                                            "checks is given twice",
	} {
		_, _, err := k.decodeAtomic([]byte(body), anyCall)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", body, err, want)
		}
	}
}

// anyCall is one of who may do everything.
var anyCall = &route.Call{Dialect: &route.Dialect{}, Grant: access.Everything}
