package httpapi

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

func mustServer(t testing.TB) *Server {
	t.Helper()
	s, err := New(Config{Store: struct{ Store }{}, OperationTimeout: time.Second, MaxValueBytes: 1 << 10, BasePath: "/base"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkError fails if a decoder's error is none that a caller can be told.
func checkError(t *testing.T, err error) {
	t.Helper()
	if code := codeOf(err); code == api.Internal || code.Status() >= 500 {
		t.Errorf("got %v, want an error of the contract", err)
	}
}

func FuzzAtomicBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"checks":[{"key":["a",1],"versionstamp":null}]}`,
		`{"mutations":[{"type":"set","key":["a",{"__type":"commitVersionstamp"}],"value":{"$now":true},"expireIn":5}]}`,
		`{"mutations":[{"type":"sum","key":["a"],"value":"5"},{"type":"append","key":[true],"value":[1, 2]}]}`,
		`{"mutations":[{"type":"delete","key":[{"__type":"bytes","value":"AA"}]}]}`,
		`{"reads":[{"key":["a"]},{"prefix":[],"limit":5,"reverse":true}],"snapshot":"00000000000000000001"}`,
		`{"a":1,"a":2}`, `[`, `{"checks":[[[[`,
	} {
		f.Add([]byte(seed))
	}
	s := mustServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		atomic, _, err := s.decodeAtomic(body, &dialect{})
		checkDecoded(t, body, atomic, err)
		transaction, _, err := s.decodeTransaction(body, &dialect{})
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
		if m.ExpireIn < 0 || m.ExpireIn > maxExpireIn {
			t.Errorf("expireIn %d was accepted", m.ExpireIn)
		}
		if _, err := kv.ParseEncoded([]byte(m.Key)); err != nil && !m.Suffix {
			t.Errorf("key %q was accepted: %v", m.Key, err)
		}
	}
}

func FuzzListBody(f *testing.F) {
	for _, seed := range []string{
		`{"prefix":["a"],"start":["a",1],"end":["a",2],"limit":5,"reverse":true,"cursor":null,"consistency":"strong"}`,
		`{"limit":1e400}`, `{"limit":-0}`, `{"cursor":"AAAA"}`, `{"where":{}}`,
	} {
		f.Add([]byte(seed))
	}
	s := mustServer(f)
	r := s.find(f, "POST", "/keys/paginate")
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &call{server: s, route: r, dialect: &dialect{}, raw: body, hasRead: true}
		req, err := c.listBody(paginateMembers)
		if err == nil {
			_, err = req.selector(c.dialect)
		}
		if err != nil {
			checkError(t, err)
		} else if req.limit < 1 {
			t.Errorf("limit %d was accepted", req.limit)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "prefix=a%2F1&limit=5", "limit=1&limit=2", "start=%25zz", "cursor=AAAA&reverse=true", "a;b", "%", "=", "limit=+5", "consistency=strong",
	} {
		f.Add(seed)
	}
	s := mustServer(f)
	r := s.find(f, "GET", "/keys/paginate")
	f.Fuzz(func(t *testing.T, raw string) {
		c := &call{server: s, route: r, dialect: &dialect{original: true}}
		var err error
		if c.query, err = r.parseQuery(raw); err != nil {
			checkError(t, err)
			return
		}
		given, err := url.ParseQuery(raw)
		if err != nil {
			t.Errorf("%q was accepted: %v", raw, err)
		}
		for name := range given {
			if r.queryParam(name) == nil {
				t.Errorf("parameter %q was accepted", name)
			}
		}
		req, err := c.listQuery()
		if err == nil {
			_, err = req.selector(c.dialect)
		}
		if err != nil {
			checkError(t, err)
		}
	})
}

// find is a route of the table.
func (s *Server) find(t testing.TB, method, pattern string) *route {
	t.Helper()
	for i := range s.table {
		if r := &s.table[i]; r.method == method && r.pattern == pattern {
			return r
		}
	}
	t.Fatalf("there is no route %s %s", method, pattern)
	return nil
}

func TestAnErrorNamesTheMemberAsAPersonWould(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	for body, want := range map[string]string{
		`{"x":1}`: "unknown member x",
		`{"mutations":[{"type":"delete","key":["a"]},{"tpye":1}]}`: "unknown member mutations[1].tpye",
		`{"checks":5}`:   "checks must be an array",
		`{"checks":[5]}`: "checks[0] must be an object",
		`{"mutations":[{"type":"set","key":["a"],"value":1,"expireIn":true}]}`: "mutations[0].expireIn must be an integer",
		`{"` + strings.Repeat("long", 100) + `":1}`:                            "unknown member " + strings.Repeat("long", 25) + "…",
		`{"checks":[],"checks":[]}`:                                            "checks is given twice",
	} {
		_, _, err := s.decodeAtomic([]byte(body), &dialect{})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", body, err, want)
		}
	}
}

func TestABodyIsReadOnlyUpToItsLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		announced int64
		size      int
		refused   bool
	}{
		{-1, 0, false}, {-1, 100, false}, {-1, 101, true}, {100, 100, false}, {0, 0, false}, {1 << 40, 10, true},
	} {
		body, err := readBody(bytes.NewReader(make([]byte, c.size)), c.announced, 100, roomy())
		if refused := err != nil; refused != c.refused || !refused && len(body) != c.size {
			t.Errorf("%d bytes, announced as %d: got %d bytes and %v", c.size, c.announced, len(body), err)
		}
	}
}

func TestReadingABodyDoesNotBelieveWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	body, err := readBody(strings.NewReader("x"), 4<<20, 4<<20, roomy())
	if err != nil {
		t.Fatal(err)
	}
	if cap(body) > 5<<10 {
		t.Errorf("one byte announced as 4 MiB took %d bytes", cap(body))
	}
}

// roomy is a share of a budget that nobody else has.
func roomy() *share { return &share{of: newBudget(defaultMemoryInFlight)} }

func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	seen := map[string]bool{}
	for _, r := range s.table {
		name := r.method + " " + r.name()
		id := r.op + "/" + r.alias
		switch {
		case r.summary == "", r.tag == "", r.scope == "", r.op == "", r.serve == nil, len(r.answers) == 0:
			t.Errorf("%s lacks a part of its description", name)
		case !slices.ContainsFunc(tags, func(tag openAPITag) bool { return tag.Name == r.tag }):
			t.Errorf("%s has a tag that openapi.go does not describe: %s", name, r.tag)
		case seen[id]:
			t.Errorf("%s has the operation id of another route, %s", name, id)
		}
		seen[id] = true
	}
}
