package httpapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// mustServeEverything serves all routes on an embedded database.
func mustServeEverything(t *testing.T, configure ...func(*httpapi.Config)) *fixture {
	t.Helper()
	return mustServeEverythingOn(t, mustOpen(t, embedded(t)), configure...)
}

func mustServeEverythingOn(t *testing.T, db *sqldb.DB, configure ...func(*httpapi.Config)) *fixture {
	t.Helper()
	q, err := queue.New(queue.Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	store := kv.New(db, kv.Config{})
	hub := watch.New(watch.Config{DB: db, Store: store})
	t.Cleanup(func() {
		hub.Close()
		q.Close()
	})
	everything := func(c *httpapi.Config) { c.Store, c.Queue, c.Watch, c.Indexes = store, q, hub, search.New(db) }
	return mustServeOn(t, db, append([]func(*httpapi.Config){everything}, configure...)...)
}

// A tableRow is a route as the document describes it.
type tableRow struct {
	method, template string
	target           string // the template with its parameters filled in
	writes, streams  bool
}

// routes are all rows of the table.
func (f *fixture) routes(t *testing.T) []tableRow {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			Changes   bool `json:"x-keyval-changes"`
			Responses map[string]struct {
				Content map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(f.must("GET", "/openapi.json", "").body), &document); err != nil {
		t.Fatal(err)
	}
	var rows []tableRow
	fill := strings.NewReplacer("{key}", "a", "{id}", "01890000-0000-7000-8000-000000000000")
	for template, methods := range document.Paths {
		for method, route := range methods {
			_, streams := route.Responses["200"].Content["text/event-stream"]
			rows = append(rows, tableRow{strings.ToUpper(method), template, fill.Replace(template), route.Changes, streams})
		}
	}
	if len(rows) < 40 {
		t.Fatalf("the document has %d routes", len(rows))
	}
	return rows
}

func TestHeadIsServedWhereverGetNeitherStreamsNorTakes(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	f.must("PUT", "/keys/a", `{"x":1}`)
	f.must("POST", "/indexes", `{"prefix":["a"],"fields":["x"]}`)
	queries := map[string]string{
		"/watch/poll": "?keys=a", "/watch/prefix/poll": "?prefix=a", "/search": "?prefix=a&query=x",
	}
	for _, r := range f.routes(t) {
		if r.method != "GET" {
			continue
		}
		// Both ask for the same: net/http would ask for gzip by itself, but not with a HEAD.
		head := f.do("HEAD", r.target+queries[r.template], "", "Accept-Encoding: identity")
		if r.writes || r.streams {
			if allow := head.header.Get("Allow"); head.status != 405 || slices.Contains(strings.Split(allow, ", "), "HEAD") {
				t.Errorf("HEAD %s: got %d, Allow: %s, want 405 without HEAD", r.target, head.status, allow)
			}
			continue
		}
		get := f.do("GET", r.target+queries[r.template], "", "Accept-Encoding: identity")
		if head.status != get.status || head.body != "" {
			t.Errorf("HEAD %s: got %d with body %q, want %d without", r.target, head.status, head.body, get.status)
		}
		for _, name := range []string{"ETag", "Content-Length", "Content-Type", "Keyval-Versionstamp"} {
			if strings.HasPrefix(r.template, "/metrics") && name == "Content-Length" {
				continue // they have grown
			}
			if got, want := head.header.Get(name), get.header.Get(name); got != want {
				t.Errorf("HEAD %s: %s: got %q, want %q", r.target, name, got, want)
			}
		}
	}
}

func TestHeadOfCountIsAboutTheCount(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", "/keys/~s:count", `"a key that is named like a route"`)
	if got := f.must("HEAD", "/keys/count", ""); got.header.Get("Content-Length") != "12" || got.header.Get("ETag") != "" {
		t.Errorf("got %v, want the header of {\"count\":1}", got.header)
	}
	if got := f.must("HEAD", "/keys/~s:count", ""); got.header.Get("ETag") == "" {
		t.Errorf("got %v, want the header of the entry", got.header)
	}
}

func TestAReadInABodyTakesItsConsistencyFromTheQueryToo(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for target, body := range map[string]string{
		"/keys/list": `{}`, "/keys/paginate": `{}`, "/keys/count": `{}`, "/keys/batch": `{"keys":[["a"]]}`,
	} {
		for _, c := range []struct{ query, inBody string }{
			{"?consistency=eventual", ""}, {"", "eventual"}, {"?consistency=eventual", "eventual"}, {"?consistency=eventual", "null"},
		} {
			sent := body
			if c.inBody != "" {
				value := strings.Trim(`"`+c.inBody+`"`, "\n")
				if c.inBody == "null" {
					value = "null"
				}
				sent = strings.Replace(strings.TrimSuffix(body, "}")+`,"consistency":`+value+"}", "{,", "{", 1)
			}
			f.must("POST", target+c.query, sent)
			if got := f.store.asked.Load().Consistency; got != kv.Eventual {
				t.Errorf("POST %s%s %s: got %v, want eventual", target, c.query, sent, got)
			}
		}
	}
}

func TestNullForAnOptionalMemberIsTheAbsentMember(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	f.must("PUT", "/keys/a", "1")
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/keys/list", `{"prefix":null,"start":null,"end":null,"limit":null,"reverse":null,"where":null,"consistency":null}`},
		{"POST", "/keys/paginate", `{"prefix":null,"cursor":null,"limit":null}`},
		{"POST", "/keys/count", `{"prefix":null,"start":null,"where":null}`},
		{"POST", "/keys/batch", `{"keys":[["a"]],"consistency":null}`},
		{"DELETE", "/keys/none", `{"exact":null,"where":null}`},
		{"DELETE", "/keys", `{"keys":[["none"]],"exact":null,"where":null}`},
		{"POST", "/keys/delete-batch", `{"keys":[["none"]],"exact":null}`},
		{"POST", "/indexes", `{"prefix":["a"],"fields":["x"],"tokenize":null,"options":null}`},
		{"POST", "/search", `{"prefix":["a"],"query":"x","start":null,"end":null,"limit":null,"reverse":null,"where":null,"highlight":null,"consistency":null,"options":{"limit":null}}`},
		{"DELETE", "/indexes?prefix=a", `{"prefix":null}`},
		{"POST", "/atomic", `{"checks":null,"mutations":null,"enqueue":null}`},
		{"POST", "/atomic", `{"mutations":[{"type":"set","key":["n"],"value":null,"expireIn":null,"expiresIn":null},{"type":"delete","key":["n"],"value":null,"expireIn":null}]}`},
		{"POST", "/atomic", `{"enqueue":[{"value":null,"options":null}]}`},
		{"POST", "/transaction", `{"reads":[{"key":["a"],"prefix":null,"limit":null},{"key":null,"prefix":[],"start":null}],"snapshot":null,"checks":null,"mutations":null,"enqueue":null}`},
		{"POST", "/queue/enqueue", `{"value":1,"options":null}`},
		{"POST", "/queue/enqueue", `{"value":1,"options":{"delay":null,"backoffSchedule":null,"keysIfUndelivered":null,"keys":null,"queue":null,"maxAttempts":null,"priority":null,"dedupeId":null}}`},
		{"POST", "/queue/ack", `{"id":"01890000-0000-7000-8000-000000000000","receipt":null}`},
		{"POST", "/queue/nack/01890000-0000-7000-8000-000000000000", `{"id":null,"receipt":null,"delay":null,"error":null,"deadLetter":null}`},
	} {
		f.must(c.method, c.target, c.body)
	}
	if got := f.must("GET", "/keys/a", ""); !strings.Contains(got.body, `"value":1`) {
		t.Errorf("the entry is %s", got.body)
	}
	message := f.take("?lock=60000")
	f.must("POST", "/queue/extend/"+message.ID, `{"receipt":"`+message.Receipt+`","lock":null}`)
}

func TestABodyWithTheIdentityEncodingIsTaken(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", "/keys/a", "1", "Content-Encoding: Identity")
	f.must("GET", "/keys/a", "", "Content-Encoding: gzip") // there is no body
	if got := f.do("PUT", "/keys/a", "1", "Content-Encoding: gzip"); got.header.Get("Accept-Encoding") != "identity" {
		t.Errorf("415: got Accept-Encoding %q, want identity", got.header.Get("Accept-Encoding"))
	}
}
