package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/kv/search"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/node/nodetest"

	"github.com/buntime/keyval/internal/sqldb"
)

// onEachDatabaseWithSearch serves all routes on an embedded database and on a real sqld
// primary with a replica.
func onEachDatabaseWithSearch(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, mustServeEverything(t))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		pair := nodetest.MustStartSqldPair(t)
		test(t, mustServeEverythingOn(t, mustOpen(t, sqldb.Config{PrimaryURL: pair.Primary.HTTPURL(), ReplicaURL: pair.Replica.HTTPURL()})))
	})
}

// A found entry is one of a search's answer.
type found struct {
	Key       []any
	Value     json.RawMessage
	Highlight *string
}

func (f *fixture) search(method, target, body string, headers ...string) []found {
	f.t.Helper()
	var all []found
	if err := json.Unmarshal([]byte(f.must(method, target, body, headers...).body), &all); err != nil {
		f.t.Fatal(err)
	}
	return all
}

func (f *fixture) wantFound(method, target, body string, want ...string) {
	f.t.Helper()
	got := []string{}
	for _, m := range f.search(method, target, body) {
		key, err := json.Marshal(m.Key)
		if err != nil {
			f.t.Fatal(err)
		}
		got = append(got, string(key))
	}
	if !slices.Equal(got, append([]string{}, want...)) {
		f.t.Errorf("%s %s %s: got %v, want %v", method, target, body, got, want)
	}
}

func TestASearchFindsWhatWasThereBeforeTheIndexAndWhatCameAfter(t *testing.T) {
	t.Parallel()
	onEachDatabaseWithSearch(t, func(t *testing.T, f *fixture) {
		f.must("PUT", "/keys/articles/1", `{"title":"Salt & pepper","body":"on running"}`)
		f.must("PUT", "/keys/others/1", `{"title":"salt"}`)
		if got := f.must("POST", "/indexes", `{"prefix":["articles"],"fields":["title","body"],"tokenize":"porter"}`).body; strings.TrimSpace(got) != `{"ok":true}` {
			t.Errorf("created: got %s", got)
		}
		f.must("PUT", "/keys/articles/2", `{"title":"Runs","body":"with salt in it, and more than that"}`)
		f.must("PUT", "/keys/articles", `{"title":"salt, the prefix itself"}`)
		want := `[{"prefix":["articles"],"fields":["title","body"],"tokenize":"porter","state":"ready","indexed":1}]`
		if got := strings.TrimSpace(f.must("GET", "/indexes", "").body); got != want && !strings.Contains(got, `"state":"ready"`) {
			t.Errorf("GET /indexes: got %s, want %s", got, want)
		}
		f.wantFound("GET", "/search?prefix=articles&query=run&start=articles/1", "", `["articles",1]`, `["articles",2]`)
		f.wantFound("GET", "/search?prefix=articles&query=run&reverse=true", "", `["articles",2]`, `["articles",1]`)
		f.wantFound("GET", "/search?prefix=articles&query=salt&end=articles/1", "", `["articles"]`)
		f.wantFound("GET", "/search?prefix=articles&query=salt&start=articles/1&limit=1", "", `["articles",1]`)
		f.wantFound("POST", "/search", `{"prefix":["articles"],"query":"body: salt"}`, `["articles",2]`)
		f.wantFound("POST", "/search", `{"prefix":["articles"],"options":{"query":"salt","start":["articles",2]}}`, `["articles",2]`)
		f.wantFound("POST", "/search", `{"prefix":["articles"],"query":"salt","where":{"body":{"$contains":"running"}}}`, `["articles",1]`)
		f.wantFound("GET", "/search?prefix=articles/2&query=salt", "", `["articles",2]`)
		f.wantFound("GET", "/search?prefix=articles&query=it%27s+50%25+off+(really)", "")
		f.wantFound("GET", basePath+"/search?prefix=articles&query=salt&start=articles/2&end=articles/1", "")

		f.must("DELETE", "/keys/articles/2", "")
		f.must("PUT", "/keys/articles/1", `{"title":"sugar"}`)
		f.wantFound("GET", "/search?prefix=articles&query=salt", "", `["articles"]`)
		f.must("DELETE", "/indexes?prefix=articles", "")
		f.must("DELETE", "/indexes", `{"prefix":["articles"]}`) // there is none
		if got := f.do("GET", "/search?prefix=articles&query=salt", ""); got.status != 404 || !strings.Contains(got.body, "POST /indexes") {
			t.Errorf("without an index: got %d %s, want 404 that names POST /indexes", got.status, got.body)
		}
	})
}

func TestAHighlightIsHTML(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	f.must("POST", "/indexes", `{"prefix":["a"],"options":{"fields":["t"]}}`)
	f.must("PUT", "/keys/a/1", `{"t":"<b>Salt</b> & \"pepper\""}`)
	want := `&lt;b&gt;<mark>Salt</mark>&lt;/b&gt; &amp; &#34;pepper&#34;`
	for target, body := range map[string]string{"/search?prefix=a&query=salt&highlight=true": "", "/search": `{"prefix":["a"],"query":"salt","highlight":true}`} {
		method := map[bool]string{true: "GET", false: "POST"}[body == ""]
		got := f.search(method, target, body)
		if len(got) != 1 || got[0].Highlight == nil || *got[0].Highlight != want {
			t.Errorf("%s %s: got %+v, want %s", method, target, got, want)
		}
	}
	if got := f.search("GET", "/search?prefix=a&query=salt", ""); len(got) != 1 || got[0].Highlight != nil {
		t.Errorf("without being asked: got %+v", got)
	}
}

func TestASearchIsReadAsOtherReads(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	f.must("POST", "/indexes", `{"prefix":["a"],"fields":["t"]}`)
	written := f.must("PUT", "/keys/a/1", `{"t":"x"}`).header.Get("Keyval-Versionstamp")
	got := f.must("GET", "/search?prefix=a&query=x&consistency=strong", "", "Keyval-Min-Versionstamp: "+written)
	if at := got.header.Get("Keyval-Versionstamp"); at < written {
		t.Errorf("the snapshot is at %q, want %s or later", at, written)
	}
	if got := f.do("GET", "/search?prefix=a&query=x", "", "Keyval-Min-Versionstamp: ffffffffffffffffffff"); !strings.Contains(got.body, "position_ahead") {
		t.Errorf("a position of the future: got %s", got.body)
	}
	if head := f.must("HEAD", "/search?prefix=a&query=x", ""); head.header.Get("Keyval-Versionstamp") == "" || head.body != "" {
		t.Errorf("HEAD: got %v %q", head.header, head.body)
	}
}

func TestWhatIsNoIndexAndNoSearchIsRefusedByName(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	f.must("POST", "/indexes", `{"prefix":["a"],"fields":["t"]}`)
	for _, c := range []struct {
		method, target, body string
		status               int
		code, says           string
	}{
		{"POST", "/indexes", `{}`, 400, "invalid_argument", "prefix"},
		{"POST", "/indexes", `{"prefix":["b"]}`, 400, "invalid_argument", "fields"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":[]}`, 400, "invalid_argument", "fields"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":"t"}`, 400, "invalid_argument", "fields"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":["t",1]}`, 400, "invalid_argument", "fields[1]"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":["t","a..b"]}`, 400, "invalid_argument", "fields[1]"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":[` + strings.Repeat(`"t",`, 500) + `"t"]}`, 400, "invalid_argument", "fields"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":["t"],"tokenize":"nope"}`, 400, "invalid_argument", "tokenize"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":["t"],"options":{"tokenize":"nope"}}`, 400, "invalid_argument", "tokenize"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":["t"],"options":{"fields":["t"]}}`, 400, "invalid_argument", "fields"},
		{"POST", "/indexes", `{"prefix":["b"],"fields":["t"],"option":{}}`, 400, "invalid_argument", "option"},
		{"POST", "/indexes", `{"prefix":[null],"fields":["t"]}`, 400, "invalid_key", "prefix"},
		{"DELETE", "/indexes", ``, 400, "invalid_argument", "prefix"},
		{"DELETE", "/indexes?prefix=a", `{"prefix":["a"]}`, 400, "invalid_argument", "prefix"},
		{"GET", "/search?prefix=a", ``, 400, "invalid_argument", "query"},
		{"GET", "/search?prefix=a&query=x&where=1", ``, 400, "invalid_argument", "POST /search"},
		{"GET", "/search?prefix=a&query=x&limit=0", ``, 400, "invalid_argument", "limit"},
		{"GET", "/search?prefix=a&query=x&start=b", ``, 400, "invalid_argument", "start"},
		{"GET", "/search?prefix=a&query=x&start=a/2&end=a/1", ``, 400, "invalid_argument", "start"},
		{"GET", "/search?prefix=b&query=x", ``, 404, "not_found", "POST /indexes"},
		{"GET", "/search?query=x", ``, 404, "not_found", "POST /indexes"},
		{"POST", "/search", `{"prefix":["a"]}`, 400, "invalid_argument", "query"},
		{"POST", "/search", `{"prefix":["a"],"query":"x","options":{"query":"x"}}`, 400, "invalid_argument", "query"},
		{"POST", "/search", `{"prefix":["a"],"query":"x","limit":1,"options":{"limit":1}}`, 400, "invalid_argument", "limit"},
		{"GET", "/search?prefix=a&query=x+AND", ``, 400, "invalid_argument", `"reason":"query_syntax"`},
		{"GET", "/search?prefix=a&query=x+AND", ``, 400, "invalid_argument", `character 3`},
		{"POST", "/search", `{"prefix":["a"],"query":"x OR (y"}`, 400, "invalid_argument", `character 6`},
		{"POST", "/search", `{"prefix":["a"],"query":"x","where":{"t":{"$nope":1}}}`, 400, "invalid_filter", "where"},
		{"POST", "/search", `{"prefix":["a"],"query":"x","options":{"where":{"t":{"$nope":1}}}}`, 400, "invalid_filter", "$nope"},
		{"POST", "/search", `{"prefix":["a"],"query":1}`, 400, "invalid_argument", "query"},
		{"POST", "/search", `{"prefix":["a"],"query":"x","options":{"options":{}}}`, 400, "invalid_argument", "options"},
	} {
		got := f.do(c.method, c.target, c.body)
		if got.status != c.status || !strings.Contains(got.body, `"code":"`+c.code+`"`) || !strings.Contains(got.body, c.says) {
			t.Errorf("%s %s %.80s: got %d %s, want %d %s that names %s", c.method, c.target, c.body, got.status, got.body, c.status, c.code, c.says)
		}
	}
	if got := strings.TrimSpace(f.must("GET", "/indexes", "").body); strings.Count(got, `"prefix"`) != 1 {
		t.Errorf("the indexes are %s, want the one", got)
	}
}

func TestABoundTokenHasTheIndexesThatHoldNothingElse(t *testing.T) {
	t.Parallel()
	all := newBearer("all", []access.Scope{access.Read, access.Write})
	bound := newBearer("bound", []access.Scope{access.Read, access.Write}, boundTo("mine"))
	f, _ := mustServeTo(t, all, bound)
	f.must("PUT", "/keys/mine/1", `{"t":"x"}`, all.header())
	f.must("PUT", "/keys/others/1", `{"t":"x"}`, all.header())
	f.must("POST", "/indexes", `{"prefix":[],"fields":["t"]}`, all.header())
	if got := f.do("GET", "/search?prefix=mine&query=x", "", bound.header()); got.status != 404 {
		t.Errorf("in the index over everything: got %d %s, want 404", got.status, got.body)
	}
	if got := strings.TrimSpace(f.must("GET", "/indexes", "", bound.header()).body); got != "[]" {
		t.Errorf("GET /indexes: got %s, want none", got)
	}
	f.must("POST", "/indexes", `{"prefix":["mine"],"fields":["t"]}`, bound.header())
	if got := f.search("GET", "/search?prefix=mine&query=x", "", bound.header()); len(got) != 1 {
		t.Errorf("in its own index: got %v, want one", got)
	}
	if got := f.must("GET", "/indexes", "", bound.header()).body; strings.Count(got, `"prefix"`) != 1 {
		t.Errorf("GET /indexes: got %s, want its own", got)
	}
	f.must("DELETE", "/indexes?prefix=mine", "", bound.header())
	if got := f.search("GET", "/search?prefix=mine&query=x", "", all.header()); len(got) != 1 {
		t.Errorf("to whom is bound by nothing: got %v, want one", got)
	}
}

func TestASearchInAnIndexThatIsBeingBuiltIsToComeBack(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, embedded(t))
	f := mustServeEverythingOn(t, db)
	for begin := 0; begin < 900; begin += 300 { // more than making an index indexes
		var sets []string
		for i := begin; i < begin+300; i++ {
			sets = append(sets, fmt.Sprintf(`{"type":"set","key":["a",%d],"value":{"t":"word%d"}}`, i, i))
		}
		f.must("POST", "/atomic", `{"mutations":[`+strings.Join(sets, ",")+`]}`)
	}
	f.must("POST", "/indexes", `{"prefix":["a"],"fields":["t"]}`) // nobody leads, so nobody builds it
	got := f.do("GET", "/search?prefix=a&query=word899", "")
	if got.status != 409 || !strings.Contains(got.body, `"code":"index_building"`) || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, Retry-After %q, want 409 index_building with one", got.status, got.body, got.header.Get("Retry-After"))
	}
	if list := f.must("GET", "/indexes", "").body; !strings.Contains(list, `"state":"building"`) {
		t.Errorf("GET /indexes: got %s, want it building", list)
	}
	f.must("PUT", "/keys/a/899", `{"t":"meanwhile"}`)
	if err := search.New(db).Build(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if list := f.must("GET", "/indexes", "").body; !strings.Contains(list, `"state":"ready","indexed":900`) {
		t.Errorf("GET /indexes: got %s, want it ready with 900", list)
	}
	f.wantFound("GET", "/search?prefix=a&query=word898", "", `["a",898]`)
	f.wantFound("GET", "/search?prefix=a&query=meanwhile", "", `["a",899]`)
	f.wantFound("GET", "/search?prefix=a&query=word899", "")
}

func TestIndexesAnswerWithAPositionThatEveryNodeShows(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	cfg := sqldb.Config{PrimaryURL: pair.Primary.HTTPURL(), ReplicaURL: pair.Replica.HTTPURL()}
	here, there := mustServeEverythingOn(t, mustOpen(t, cfg)), mustServeEverythingOn(t, mustOpen(t, cfg))
	const index = `{"prefix":["a"],"fields":["t"]}`
	var last string
	ask := func(f *fixture, method, target, body string) string {
		t.Helper()
		r := f.must(method, target, body, "Keyval-Min-Versionstamp: "+last)
		if r.versionstamp() == "" || r.versionstamp() < last {
			t.Errorf("%s %s: got position %q after %q", method, target, r.versionstamp(), last)
		}
		last = r.versionstamp()
		return r.body
	}
	last = here.must("PUT", "/keys/a/1", `{"t":"x"}`).versionstamp()
	for range 10 {
		for range 2 { // the second time there is nothing to do
			if got := ask(here, "POST", "/indexes", index); got != `{"ok":true}` {
				t.Errorf("created: got %s", got)
			}
			if got := ask(there, "GET", "/search?prefix=a&query=x", ""); !strings.Contains(got, `["a",1]`) {
				t.Errorf("searched there: got %s", got)
			}
		}
		for range 2 {
			ask(here, "DELETE", "/indexes?prefix=a", "")
			if got := ask(there, "GET", "/indexes", ""); got != `[]` {
				t.Errorf("listed there: got %s", got)
			}
		}
	}
}
