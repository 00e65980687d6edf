package httpapi_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/node/nodetest"
)

var indexedPattern = regexp.MustCompile(`"indexed":[0-9]+`)

const articles = `{"mutations":[
{"type":"set","key":["docs",1],"value":{"title":"JavaScript basics","text":"An introduction to programming in JavaScript","level":1,"author":{"name":"Ann Lee"}}},
{"type":"set","key":["docs",2],"value":{"title":"Advanced TypeScript","text":"What is beyond the basics","level":3,"author":{"name":"Bo"},"tags":"hard"}},
{"type":"set","key":["docs",3],"value":{"title":"Server side","text":"JavaScript with Node","level":2,"tags":["node","running"]}},
{"type":"set","key":["docs",4],"value":{"title":"Nothing","text":null,"level":2,"at":{"$now":true,"offset":-1000}}},
{"type":"set","key":["docs",5],"value":{"title":"Running","text":"it's 50% off (really)","level":1}},
{"type":"set","key":["shelf",1],"value":{"title":"JavaScript"}}]}`

// What the original's tests search for in the index over docs, and the numbers of what is found.
var originalSearches = []struct{ query, want string }{
	{`JavaScript`, "1 3"},
	{`javascript`, "1 3"},
	{`JavaScript AND Node`, "3"},
	{`JavaScript Node`, "3"},
	{`Node OR TypeScript`, "2 3"},
	{`JavaScript NOT Node`, "1"},
	{`(JavaScript OR TypeScript) AND basics`, "1 2"},
	{`basics`, "1 2"},
	{`Ann`, "1"},
	{`hard`, "2"},
	{`running`, "3 5"},
	{`run`, ""},
	{`java*`, "1 3"},
	{`"introduction to programming"`, "1"},
	{`"programming introduction"`, ""},
	{`title:basics`, "1"},
	{`NEAR(introduction programming, 2)`, "1"},
	{`it's 50% off (really)`, "5"},
	{`nonexistentterm12345`, ""},
	{`null`, ""},
}

// mustServeSearched serves entries and full-text indexes over them.
func mustServeSearched(t *testing.T, db *sqldb.DB) *fixture {
	t.Helper()
	return mustServeOn(t, db, func(c *httpapi.Config) { c.Indexes = search.New(db) })
}

// onEachSearched is onEachDatabase with full-text indexes.
func onEachSearched(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, mustServeSearched(t, mustOpen(t, embedded(t))))
	})
	t.Run("sqld", func(t *testing.T) {
		t.Parallel()
		pair := nodetest.MustStartSqldPair(t)
		test(t, mustServeSearched(t, mustOpen(t, sqldb.Config{PrimaryURL: pair.Primary.HTTPURL(), ReplicaURL: pair.Replica.HTTPURL()})))
	})
}

// An index answers at once: the original's tests create one, set entries and search.
func TestTheOriginalClientsSearchesFindWhatTheyFoundThere(t *testing.T) {
	t.Parallel()
	onEachSearched(t, func(t *testing.T, f *fixture) {
		f.must("POST", basePath+"/indexes", `{"prefix":["docs"],"fields":["title","text","author.name","tags"],"tokenize":"unicode61"}`)
		if got := f.must("GET", basePath+"/search?prefix=docs&query=JavaScript", "").body; got != `[]` {
			t.Errorf("a search where nothing is: got %s, want []", got)
		}
		f.must("POST", basePath+"/atomic", articles)
		for _, c := range originalSearches {
			for _, base := range []string{"", basePath} {
				f.wantSearched(base, c.query, strings.Fields(c.want))
			}
		}
	})
}

// wantSearched searches docs in all forms that the original's client and server know.
func (f *fixture) wantSearched(base, query string, want []string) {
	f.t.Helper()
	get := "/search?prefix=docs&query=" + url.QueryEscape(query)
	ranked := f.numbers(f.must("GET", base+get, "").body)
	if sorted := slices.Sorted(slices.Values(ranked)); !slices.Equal(sorted, want) {
		f.t.Errorf("%s%s: got %v, want %v", base, get, sorted, want)
		return
	}
	body := fmt.Sprintf(`{"prefix":["docs"],"query":%s`, quoted(query))
	for _, form := range []string{`}`, `,"options":{}}`, `,"limit":100,"where":{}}`, `,"options":{"limit":100,"where":{}}}`} {
		if got := f.numbers(f.must("POST", base+"/search", body+form).body); !slices.Equal(got, ranked) {
			f.t.Errorf("%s/search %s: got %v, want %v", base, body+form, got, ranked)
		}
	}
	few := ranked[:min(1, len(ranked))]
	for _, got := range []string{f.must("GET", base+get+"&limit=1", "").body, f.must("POST", base+"/search", body+`,"options":{"limit":1}}`).body} {
		if got := f.numbers(got); !slices.Equal(got, few) {
			f.t.Errorf("%s%s limit 1: got %v, want %v", base, get, got, few)
		}
	}
	slices.Reverse(ranked)
	if got := f.numbers(f.must("GET", base+get+"&reverse=true", "").body); !slices.Equal(got, ranked) {
		f.t.Errorf("%s%s reverse: got %v, want %v", base, get, got, ranked)
	}
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

// Requests build on those before them.
var originalSearchRequests = []originalRequest{
	{`listIndexes()`, "GET", "/indexes", "", 200, `[]`},
	{`createIndex(["docs"], {fields: ["title"]})`, "POST", "/indexes", `{"prefix":["docs"],"fields":["title"],"tokenize":"unicode61"}`, 200, `{"ok":true}`},
	{`createIndex as its server has it`, "POST", "/indexes", `{"prefix":["docs"],"options":{"fields":["title","text"]}}`, 200, `{"ok":true}`},
	{`createIndex(["en"], {fields: ["text"], tokenize: "porter"})`, "POST", "/indexes", `{"prefix":["en"],"options":{"fields":["text"],"tokenize":"porter"}}`, 200, `{"ok":true}`},
	{`createIndex(["log", 7], {fields: ["text"], tokenize: "ascii"})`, "POST", "/indexes", `{"prefix":["log",7],"fields":["text"],"tokenize":"ascii"}`, 200, `{"ok":true}`},
	{`listIndexes()`, "GET", "/indexes", "", 200,
		`[{"prefix":["docs"],"fields":["title","text"],"tokenize":"unicode61","state":"ready","indexed":<n>},` +
			`{"prefix":["en"],"fields":["text"],"tokenize":"porter","state":"ready","indexed":<n>},` +
			`{"prefix":["log",7],"fields":["text"],"tokenize":"ascii","state":"ready","indexed":<n>}]`},

	{`set(["docs", 1], {title: "Old title"})`, "PUT", "/keys/docs/1", `{"title":"Old title"}`, 200, ``},
	{`search(["docs"], "old")`, "GET", "/search?prefix=docs&query=old", "", 200, `[{"key":["docs",1],"value":{"title":"Old title"},"versionstamp":"<vs>"}]`},
	{`set(["docs", 1], {title: "New title", text: "and a text"})`, "PUT", "/keys/docs/1", `{"title":"New title","text":"and a text"}`, 200, ``},
	{`search(["docs"], "old")`, "GET", "/search?prefix=docs&query=old", "", 200, `[]`},
	{`search(["docs"], "new text")`, "GET", "/search?prefix=docs&query=new+text", "", 200, `[{"key":["docs",1],"value":{"title":"New title","text":"and a text"},"versionstamp":"<vs>"}]`},
	{`atomic().set(…).commit()`, "POST", "/atomic", `{"mutations":[{"type":"set","key":["docs",2],"value":{"title":"Two","due":{"$now":true}}},{"type":"set","key":["docs",2,"x"],"value":{"title":"Below two"}},{"type":"set","key":["docs"],"value":{"title":"Above two"}}]}`, 200, ``},
	{`search(["docs"], "two", {where: {due: {$lte: kv.now()}}})`, "POST", "/search", `{"prefix":["docs"],"query":"two","where":{"due":{"$lte":{"$now":true}}}}`, 200,
		`[{"key":["docs",2],"value":{"title":"Two","due":<ms>},"versionstamp":"<vs>"}]`},
	{`search(["docs"], "two", {where} under options)`, "POST", "/search", `{"prefix":["docs"],"query":"two","options":{"where":{"title":{"$startsWith":"Below"}}}}`, 200,
		`[{"key":["docs",2,"x"],"value":{"title":"Below two"},"versionstamp":"<vs>"}]`},
	{`search(["docs"], "two", {start})`, "GET", "/search?prefix=docs&query=two&start=docs%2F2%2Fx", "", 200, `[{"key":["docs",2,"x"],"value":{"title":"Below two"},"versionstamp":"<vs>"}]`},
	{`search(["docs"], "title", {end})`, "GET", "/search?prefix=docs&query=title&end=docs%2F2", "", 200, `[{"key":["docs",1],"value":{"title":"New title","text":"and a text"},"versionstamp":"<vs>"}]`},
	{`search(["docs"], "two", {start, end}) the wrong way round`, "GET", "/search?prefix=docs&query=two&start=docs%2F2&end=docs%2F1", "", 200, `[]`},
	{`search(["docs", 2, "x"], "two")`, "GET", "/search?prefix=docs%2F2%2Fx&query=two", "", 200, `[{"key":["docs",2,"x"],"value":{"title":"Below two"},"versionstamp":"<vs>"}]`},
	{`delete(["docs", 2], {exact: true})`, "DELETE", "/keys/docs/2", `{"exact":true}`, 200, `{"success":true,"deletedCount":1}`},
	{`delete(["docs"], {where})`, "DELETE", "/keys/docs", `{"where":{"title":{"$contains":"Below"}}}`, 200, `{"success":true,"deletedCount":1}`},
	{`search(["docs"], "two")`, "GET", "/search?prefix=docs&query=two", "", 200, `[{"key":["docs"],"value":{"title":"Above two"},"versionstamp":"<vs>"}]`},

	{`set(["en", 1], {text: "running runners run"})`, "PUT", "/keys/en/1", `{"text":"running runners"}`, 200, ``},
	{`search(["en"], "run")`, "GET", "/search?prefix=en&query=run", "", 200, `[{"key":["en",1],"value":{"text":"running runners"},"versionstamp":"<vs>"}]`},
	{`createIndex(["en", "sub"]), an index in an index`, "POST", "/indexes", `{"prefix":["en","sub"],"fields":["name"]}`, 200, `{"ok":true}`},
	{`set(["en", "sub", 1], {name, text})`, "PUT", "/keys/en/sub/1", `{"name":"Charles","text":"walked"}`, 200, ``},
	{`search(["en"], "walk")`, "GET", "/search?prefix=en&query=walk", "", 200, `[{"key":["en","sub",1],"value":{"name":"Charles","text":"walked"},"versionstamp":"<vs>"}]`},

	{`removeIndex(["docs"])`, "DELETE", "/indexes", `{"prefix":["docs"]}`, 200, `{"ok":true}`},
	{`search(["docs"], "two")`, "GET", "/search?prefix=docs&query=two", "", 404, ``},
	{`get(["docs"]) after removeIndex`, "GET", "/keys/docs", "", 200, ``},
	{`createIndex over what is there`, "POST", "/indexes", `{"prefix":["docs"],"fields":["title"]}`, 200, `{"ok":true}`},
	{`search(["docs"], "two")`, "GET", "/search?prefix=docs&query=two", "", 200, `[{"key":["docs"],"value":{"title":"Above two"},"versionstamp":"<vs>"}]`},
	{`removeIndex as its server has it`, "DELETE", "/indexes?prefix=docs", "", 200, `{"ok":true}`},
	{`removeIndex(["log", 7])`, "DELETE", "/indexes?prefix=log%2F7", "", 200, `{"ok":true}`},
	{`removeIndex(["en", "sub"])`, "DELETE", "/indexes", `{"prefix":["en","sub"]}`, 200, `{"ok":true}`},
	{`removeIndex(["en"])`, "DELETE", "/indexes", `{"prefix":["en"]}`, 200, `{"ok":true}`},
	{`listIndexes()`, "GET", "/indexes", "", 200, `[]`},
}

func TestTheOriginalClientsSearchRequestsWorkUnchanged(t *testing.T) {
	t.Parallel()
	onEachSearched(t, func(t *testing.T, f *fixture) { f.wantOriginal(originalSearchRequests) })
}

// What the original's tests look for in the messages of what is refused.
var originalSearchRefusals = []struct {
	method, target, body string
	status               int
	code, message        string
}{
	{"POST", "/indexes", `{"prefix":["posts"],"options":{}}`, 400, "invalid_argument", "fields must be a non-empty array"},
	{"POST", "/indexes", `{"prefix":["posts"],"options":{"fields":[]}}`, 400, "invalid_argument", "At least one field"},
	{"POST", "/indexes", `{"prefix":["posts"],"fields":["a"],"tokenize":"trigram"}`, 400, "invalid_argument", "unicode61"},
	{"DELETE", "/indexes", "", 400, "invalid_argument", "prefix"},
	{"GET", "/search?prefix=posts", "", 400, "invalid_argument", "query"},
	{"POST", "/search", `{"prefix":["posts"]}`, 400, "invalid_argument", "query"},
	{"GET", "/search?prefix=noindex&query=test", "", 404, "not_found", ""},
	{"POST", "/search", `{"prefix":["noindex"],"query":"test","where":{"a":{"$near":1}}}`, 400, "invalid_filter", "$near"},
}

func TestTheOriginalClientsSearchesAreRefusedAsThere(t *testing.T) {
	t.Parallel()
	f := mustServeSearched(t, mustOpen(t, embedded(t)))
	for _, c := range originalSearchRefusals {
		for _, base := range []string{"", basePath} {
			got := f.do(c.method, base+c.target, c.body)
			if got.status != c.status || !strings.Contains(got.body, `"code":"`+c.code+`"`) || !strings.Contains(got.body, c.message) {
				t.Errorf("%s %s %s: got %d %s, want %d %s with %q", c.method, base+c.target, c.body, got.status, got.body, c.status, c.code, c.message)
			}
		}
	}
	if got := f.must("GET", "/indexes", "").body; got != `[]` {
		t.Errorf("what was refused made indexes: %s", got)
	}
}

func TestTheOriginalClientsSearchNamesItsPrefix(t *testing.T) {
	t.Parallel()
	f := mustServeSearched(t, mustOpen(t, embedded(t)))
	for _, request := range [][3]string{{"GET", "/search?query=fox", ""}, {"POST", "/search", `{"query":"fox"}`}} {
		got := f.do(request[0], basePath+request[1], request[2])
		if got.status != 400 || !strings.Contains(got.body, "prefix is missing") {
			t.Errorf("%s %s: got %d %s", request[0], request[1], got.status, got.body)
		}
	}
}
