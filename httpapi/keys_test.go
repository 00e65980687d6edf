package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

func TestAWrittenEntryIsReadBack(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		put := f.must("PUT", "/keys/users/42", `{"name": "Ann", "n":1.0, "n":2}`)
		stamp := put.versionstamp()
		if want := `{"ok":true,"versionstamp":"` + stamp + `"}`; put.body != want {
			t.Errorf("PUT: got %s, want %s", put.body, want)
		}
		got := f.must("GET", "/keys/users/42", "")
		want := `{"key":["users",42],"value":{"name":"Ann","n":1.0,"n":2},"versionstamp":"` + stamp + `"}`
		if got.body != want {
			t.Errorf("GET: got %s, want %s", got.body, want)
		}
		if tag := got.header.Get("ETag"); tag != `"`+stamp+`"` {
			t.Errorf("ETag: got %s, want %q", tag, stamp)
		}
		if position := got.versionstamp(); position < stamp {
			t.Errorf("position of the read: got %s, want at least %s", position, stamp)
		}
	})
}

// Each part of a path is split off before it is decoded, and nothing on the way
// cleans the path up.
func TestAPathIsTakenAsItWasSent(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, c := range []struct{ path, key string }{
		{"a%2Fb", `["a/b"]`},
		{"a%2fb/c", `["a/b","c"]`},
		{"a//b", `["a","b"]`},
		{"/a", `["a"]`},
		{"a/", `["a"]`},
		{"a/./b", `["a",".","b"]`},
		{"a/../b", `["a","..","b"]`},
		{"%2e%2e", `[".."]`},
		{"*", `["*"]`},
		{"a%20b+c", `["a b+c"]`},
		{"a b", ``},
		{"caf%C3%A9", `["café"]`},
		{"%00", `["\u0000"]`},
		{"7", `[7]`},
		{"007", `["007"]`},
		{"-0", `["-0"]`},
		{"~s:7", `["7"]`},
		{"~s:", `[""]`},
		{"~n:1.5", `[1.5]`},
		{"~i:12345678901234567890", `[{"__type":"bigint","value":"12345678901234567890"}]`},
		{"~b:true", `[true]`},
		{"~x:AP8", `[{"__type":"bytes","value":"AP8"}]`},
		{"%7Es:7", `["~s:7"]`},
		{"~s:count", `["count"]`},
		{"%63ount", `["count"]`},
		{"count/1", `["count",1]`},
		{"batch", `["batch"]`},
		{"a;b=c,d", `["a;b=c,d"]`},
		{"true", `["true"]`},
		{"{x}", `["{x}"]`},
	} {
		if c.key == "" {
			continue // net/http refuses it before we see it
		}
		for _, base := range []string{"", basePath} {
			f.must("PUT", base+"/keys/"+c.path, "1")
			var e struct{ Key json.RawMessage }
			got := f.must("GET", base+"/keys/"+c.path, "")
			if err := json.Unmarshal([]byte(got.body), &e); err != nil {
				t.Fatal(err)
			}
			if string(e.Key) != c.key {
				t.Errorf("%s/keys/%s: got key %s, want %s", base, c.path, e.Key, c.key)
			}
		}
	}
}

func TestCountAndPaginateAreRoutesOfGETOnly(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", "/keys/count", `"a key"`)
	f.must("PUT", "/keys/paginate", `"a key"`)
	if got := f.must("GET", "/keys/count", "").body; got != `{"count":2}` {
		t.Errorf("GET /keys/count: got %s, want the count of 2", got)
	}
	if got := f.must("GET", "/keys/paginate?limit=1", "").body; !strings.Contains(got, `"hasMore":true`) {
		t.Errorf("GET /keys/paginate: got %s, want a page", got)
	}
	if got := f.must("GET", "/keys/~s:count", "").body; !strings.Contains(got, `"a key"`) {
		t.Errorf("GET /keys/~s:count: got %s, want the entry", got)
	}
	if got := f.must("DELETE", "/keys/count", "").body; got != `{"success":true,"deletedCount":1}` {
		t.Errorf("DELETE /keys/count: got %s, want the entry deleted", got)
	}
}

func TestHEADTellsWhatGETWouldWithoutTheBody(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", "/keys/a", `"value"`)
	get, head := f.must("GET", "/keys/a", ""), f.must("HEAD", "/keys/a", "")
	if head.body != "" {
		t.Errorf("body: got %q, want none", head.body)
	}
	for _, name := range []string{"ETag", "Content-Length", "Content-Type"} {
		if got, want := head.header.Get(name), get.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := f.do("HEAD", "/keys/missing", ""); got.status != 404 || got.versionstamp() == "" {
		t.Errorf("missing: got %d with position %q, want 404 with one", got.status, got.versionstamp())
	}
}

func TestAnEntryThatIsKnownIsNotSentAgain(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	stamp := f.must("PUT", "/keys/a", "1").versionstamp()
	other := "00000000000000000001"
	for _, c := range []struct {
		header string
		want   int
	}{
		{`"` + stamp + `"`, 304},
		{`W/"` + stamp + `"`, 304},
		{`"x", "` + stamp + `"`, 304},
		{`*`, 304},
		{`"` + other + `"`, 200},
		{`"*"`, 200},
		{`"a,b", , W/"` + stamp + `" ,`, 304},
	} {
		got := f.do("GET", "/keys/a", "", "If-None-Match: "+c.header)
		if got.status != c.want {
			t.Errorf("If-None-Match: %s: got %d, want %d", c.header, got.status, c.want)
		}
		if got.status == 304 && (got.body != "" || got.header.Get("ETag") != `"`+stamp+`"`) {
			t.Errorf("304: got body %q and ETag %s, want none and %q", got.body, got.header.Get("ETag"), stamp)
		}
	}
}

func TestAConditionThatHoldsWrites(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	first := f.must("PUT", "/keys/a", "1", "If-None-Match: *").versionstamp()
	second := f.must("PUT", "/keys/a", "2", `If-Match: "`+first+`"`).versionstamp()
	if got := f.do("PUT", "/keys/a", "3", `If-Match: "`+first+`"`); got.status != 412 {
		t.Errorf("a condition that held before: got %d, want 412", got.status)
	}
	got := f.must("DELETE", "/keys/a", "", `If-Match: "`+second+`"`)
	if got.body != `{"success":true,"deletedCount":1}` {
		t.Errorf("DELETE: got %s, want one entry deleted", got.body)
	}
}

func TestDeletingAKeyFollowsTheDialectUnlessTold(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, c := range []struct {
		target, body string
		deleted      int
	}{
		{"/keys/a", "", 1},
		{"/keys/a?exact=true", "", 1},
		{"/keys/a?exact=false", "", 3},
		{"/keys/a?children=true", "", 3},
		{"/keys/a?children=false", "", 1},
		{"/keys/a", `{"exact":true}`, 1},
		{"/keys/a", `{"exact":false}`, 3},
		{"/keys/a", `{}`, 1},
		{basePath + "/keys/a", "", 3},
		{basePath + "/keys/a?exact=true", "", 1},
		{basePath + "/keys/a?children=false", "", 1},
		{basePath + "/keys/a", `{"exact":true}`, 1},
		{basePath + "/keys/a", `{}`, 3},
		{"/keys?prefix=a", "", 2},
		{"/keys?all=true", "", 4},
		{"/keys", `{"keys":[["a"]]}`, 3},
		{"/keys", `{"keys":[["a"],["a","b"]]}`, 3},
		{"/keys", `{"keys":[["a"],["ab"]],"exact":true}`, 2},
		{"/keys/none", "", 0},
	} {
		for _, key := range []string{"a", "a/b", "a/c/d", "ab"} {
			f.must("PUT", "/keys/"+key, "1")
		}
		got := f.must("DELETE", c.target, c.body)
		if want := fmt.Sprintf(`{"success":true,"deletedCount":%d}`, c.deleted); got.body != want {
			t.Errorf("DELETE %s %s: got %s, want %s", c.target, c.body, got.body, want)
		}
	}
}

func TestDeleteBatchIsTheBodyFormOfDelete(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, key := range []string{"a", "a/b", "c"} {
		f.must("PUT", "/keys/"+key, "1")
	}
	if got := f.must("POST", "/keys/delete-batch", `{"keys":[["a"]]}`).body; got != `{"success":true,"deletedCount":2}` {
		t.Errorf("got %s, want 2 deleted", got)
	}
}

func TestListsAndPages(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		for i := range 5 {
			f.must("PUT", fmt.Sprintf("/keys/a/%d", i), fmt.Sprint(i))
		}
		f.must("PUT", "/keys/a", `"the prefix itself"`)
		f.must("PUT", "/keys/ab/0", `"a neighbour"`)
		for _, c := range []struct{ query, body, want string }{
			{"prefix=a", `{"prefix":["a"]}`, "0 1 2 3 4"},
			{"prefix=a&limit=2", `{"prefix":["a"],"limit":2}`, "0 1"},
			{"prefix=a&limit=99999999999999999999", `{"prefix":["a"],"limit":99999999999999999999}`, "0 1 2 3 4"},
			{"prefix=a&reverse=true&limit=2", `{"prefix":["a"],"reverse":true,"limit":2}`, "4 3"},
			{"prefix=a&start=a/1&end=a/3", `{"prefix":["a"],"start":["a",1],"end":["a",3]}`, "1 2"},
			{"prefix=a&start=a/3", `{"prefix":["a"],"start":["a",3]}`, "3 4"},
			{"start=a/1&end=a/1", `{"start":["a",1],"end":["a",1]}`, ""},
			{"prefix=none", `{"prefix":["none"]}`, ""},
		} {
			for form, got := range map[string]reply{
				"GET /keys?" + c.query: f.must("GET", "/keys?"+c.query, ""),
				"POST /keys/list":      f.must("POST", "/keys/list", c.body),
			} {
				if values := valuesOf(t, got.body); values != c.want {
					t.Errorf("%s %s: got %s, want %s", form, c.body, values, c.want)
				}
			}
		}
		walk(t, f, func(cursor string) reply {
			return f.must("GET", "/keys/paginate?prefix=a&limit=2&cursor="+cursor, "")
		}, "0 1 | 2 3 | 4")
		walk(t, f, func(cursor string) reply {
			return f.must("POST", "/keys/paginate", `{"prefix":["a"],"limit":3,"reverse":true,"cursor":"`+cursor+`"}`)
		}, "4 3 2 | 1 0")
	})
}

// valuesOf are the values of an array of entries.
func valuesOf(t *testing.T, body string) string {
	t.Helper()
	var entries []api.Entry
	if err := json.Unmarshal([]byte(body), &entries); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var values []string
	for _, e := range entries {
		values = append(values, string(e.Value))
	}
	return strings.Join(values, " ")
}

// walk reads all pages.
func walk(t *testing.T, f *fixture, ask func(cursor string) reply, want string) {
	t.Helper()
	var pages []string
	for cursor := ""; ; {
		var page struct {
			Entries json.RawMessage
			Cursor  *string
			HasMore bool
		}
		got := ask(cursor)
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, valuesOf(t, string(page.Entries)))
		if page.HasMore != (page.Cursor != nil) {
			t.Fatalf("hasMore and cursor disagree: %s", got.body)
		}
		if page.Cursor == nil {
			break
		}
		cursor = *page.Cursor
	}
	if got := strings.Join(pages, " | "); got != want {
		t.Errorf("pages: got %s, want %s", got, want)
	}
}

func TestAnAnswerOverTheBudgetIsRefusedOrPaged(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for i := range 3 {
		f.must("PUT", fmt.Sprintf("/keys/a/%d", i), fmt.Sprint(i))
	}
	f.store.budget.Store(2)
	got := f.do("GET", "/keys?prefix=a", "")
	r := refusal{code: api.TooLarge, says: "paginate"}
	r.check(t, got)
	walk(t, f, func(cursor string) reply {
		return f.must("GET", "/keys/paginate?prefix=a&cursor="+cursor, "")
	}, "0 1 | 2")
}

func TestABatchIsInRequestOrderWithNullsForMissingKeys(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	stamp := f.must("PUT", "/keys/a", "null").versionstamp()
	got := f.must("POST", "/keys/batch", `{"keys":[["b"],["a"],["b"]]}`).body
	missing := `{"key":["b"],"value":null,"versionstamp":null}`
	want := `[` + missing + `,{"key":["a"],"value":null,"versionstamp":"` + stamp + `"},` + missing + `]`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Megabytes are slow under the race detector, so this test does not run beside others.
func TestABatchOfTheSameLargeEntryStaysWithinTheBudget(t *testing.T) {
	f := mustServe(t)
	f.must("PUT", "/keys/a", `"`+strings.Repeat("x", 1<<20-2)+`"`)
	got := f.do("POST", "/keys/batch", `{"keys":`+listOf(70, `["a"]`)+`}`)
	r := refusal{code: api.TooLarge, says: "paginate"}
	r.check(t, got)
}

func TestConsistencyIsWhatTheRequestTheDialectOrTheSettingSays(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	position := f.must("PUT", "/keys/a", "1").versionstamp()
	for _, c := range []struct {
		method, target, body string
		want                 kv.Consistency
	}{
		{"GET", "/keys/a", "", kv.Session},
		{"GET", "/keys/a?consistency=strong", "", kv.Strong},
		{"GET", "/keys/a?consistency=eventual", "", kv.Eventual},
		{"GET", basePath + "/keys/a", "", kv.Strong},
		{"GET", basePath + "/keys/a?consistency=session", "", kv.Session},
		{"GET", "/keys", "", kv.Session},
		{"GET", "/keys?consistency=strong", "", kv.Strong},
		{"POST", "/keys/list", `{"consistency":"eventual"}`, kv.Eventual},
		{"POST", basePath + "/keys/list", `{}`, kv.Strong},
		{"POST", "/keys/batch", `{"keys":[["a"]],"consistency":"strong"}`, kv.Strong},
		{"GET", "/keys/paginate?consistency=strong", "", kv.Strong},
		{"GET", "/keys/count?consistency=eventual", "", kv.Eventual},
		{"POST", "/keys/count", `{"consistency":"strong"}`, kv.Strong},
	} {
		f.must(c.method, c.target, c.body, "Keyval-Min-Versionstamp: "+position)
		if got, want := *f.store.asked.Load(), (kv.ReadOptions{Consistency: c.want, Min: kv.Versionstamp(position)}); got != want {
			t.Errorf("%s %s %s: got %+v, want %+v", c.method, c.target, c.body, got, want)
		}
	}
}

func TestEveryReadAndWriteTellsItsPosition(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	last := ""
	for _, c := range []struct{ method, target, body string }{
		{"PUT", "/keys/a", "1"},
		{"GET", "/keys/a", ""},
		{"GET", "/keys/missing", ""},
		{"GET", "/keys", ""},
		{"POST", "/keys/batch", `{"keys":[["a"]]}`},
		{"GET", "/keys/paginate", ""},
		{"GET", "/keys/count", ""},
		{"POST", "/atomic", `{}`},
		{"POST", "/transaction", `{"reads":[{"key":["a"]}]}`},
		{"DELETE", "/keys/a", ""},
		{"DELETE", "/keys?all=true", ""},
	} {
		got := f.do(c.method, c.target, c.body).versionstamp()
		if len(got) != 20 || got < last {
			t.Errorf("%s %s: got position %q after %q", c.method, c.target, got, last)
		}
		last = got
	}
}

func TestExpiryIsShownAndCleared(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, name := range []string{"expireIn", "expiresIn"} {
		f.must("PUT", "/keys/a?"+name+"=60000", "1")
		if got := f.must("GET", "/keys/a", "").body; !strings.Contains(got, `"expiresAt":1`) {
			t.Errorf("%s: got %s, want expiresAt", name, got)
		}
	}
	f.must("PUT", "/keys/a", "1")
	if got := f.must("GET", "/keys/a", "").body; strings.Contains(got, "expiresAt") {
		t.Errorf("after a write without expireIn: got %s, want no expiresAt", got)
	}
}
