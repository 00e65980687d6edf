package httpapi_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// fuzzed is the whole API over an embedded database, with waits that end at once.
func fuzzed(f *testing.F) *httpapi.Server {
	f.Helper()
	db, err := sqldb.Open(f.Context(), sqldb.Config{PrimaryURL: "file:" + filepath.Join(f.TempDir(), "keyval.db")})
	if err != nil {
		f.Fatal(err)
	}
	messages, err := queue.New(queue.Config{DB: db})
	if err != nil {
		f.Fatal(err)
	}
	store := kv.New(db, kv.Config{})
	hub := watch.New(watch.Config{DB: db, Store: store})
	api, err := httpapi.New(httpapi.Config{
		Store: store, Queue: messages, Watch: hub, BasePath: basePath, OperationTimeout: time.Minute, MaxValueBytes: 1 << 16,
		Compress: true, Loopback: true, AllowedHosts: []string{"kv.example"}, CORSOrigins: []string{"https://app.example"},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.Fatal(err)
	}
	api.EndWaits()
	f.Cleanup(func() {
		hub.Close()
		messages.Close()
		_ = db.Close()
	})
	return api
}

// A fuzzedRoute is where a fuzzed request goes to.
type fuzzedRoute struct {
	method, template string
	query            string // of parameters that the route takes
}

// goodQueries are values that parameters take, by their names.
var goodQueries = map[string]string{
	"prefix": "a", "prefixes": "a,b/1", "keys": "a,b", "key": "c/~n:5", "start": "a/1", "end": "a/~x:AA", "limit": "5", "offset": "1", "reverse": "true",
	"consistency": "strong", "cursor": "AAAA", "versionstamps": "00010000000000010000,", "wait": "1", "queue": "a", "state": "ready", "max": "3",
	"lock": "1000", "receipt": "00010000000000010000D17.default", "expireIn": "5", "exact": "true", "initial": "false", "concurrency": "2",
}

// fuzzedRoutes are all of them, as the document has them.
func fuzzedRoutes(f *testing.F, api http.Handler) (routes []fuzzedRoute) {
	f.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/openapi.json", nil))
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		f.Fatal(err)
	}
	for template, methods := range document.Paths {
		for method, described := range methods {
			good := url.Values{}
			for _, p := range described.Parameters {
				if value := goodQueries[p.Name]; p.In == "query" && value != "" {
					good.Set(p.Name, value)
				}
			}
			routes = append(routes, fuzzedRoute{strings.ToUpper(method), template, good.Encode()})
		}
	}
	slices.SortFunc(routes, func(a, b fuzzedRoute) int {
		return cmp.Or(cmp.Compare(a.template, b.template), cmp.Compare(a.method, b.method))
	})
	return routes
}

// fuzzedBodies are each right for some route.
var fuzzedBodies = []string{
	``, `{"value":{"$now":true,"offset":5}}`, `{"keys":[["a",1],[{"__type":"bytes","value":"AA"}],{"__type":"key","value":"AgH/"}],"exact":true}`,
	`{"prefix":["a"],"start":["a",1],"end":["a",true],"limit":5,"reverse":true,"consistency":"eventual"}`,
	`{"prefix":["a"],"where":{"$and":[{"a.b":{"$gte":1}},{"$not":{"c":{"$contains":"d"}}}]}}`,
	`{"keys":[["a",1]],"where":{"a":{"$between":[1,{"__type":"bigint","value":"2"}],"$nin":["x",true]},"$or":[{"b[0].\"c":null},{"[\"d.e\"]":{"$lt":{"$now":true,"offset":-1}}}]}}`,
	`{"exact":true,"where":{"a":{"$containsi":"%'","$notEmpty":true},"$not":{"b":{"$null":false}}}}`,
	`{"id":"01890000-0000-7000-8000-000000000000","receipt":"00010000000000010000d0.default","lock":5}`,
	`{"receipt":"00010000000000010000L1.a","delay":5,"error":"e"}`,
	`{"value":1,"options":{"delay":5,"backoffSchedule":[1],"keys":[["a"]],"queue":"a","maxAttempts":2,"priority":-1,"dedupeId":"d"}}`,
	`{"checks":[{"key":[1],"versionstamp":null}],"mutations":[{"type":"sum","key":[true],"value":"5"},{"type":"append","key":["l"],"value":[1]},{"type":"set","key":["a",{"__type":"commitVersionstamp"}],"value":null,"expireIn":5}],"enqueue":[{"value":1}]}`,
	`{"reads":[{"prefix":[],"start":[1],"reverse":true},{"key":["a"]}],"snapshot":"00010000000000010000","mutations":[{"type":"delete","key":["a"]}]}`,
}

// fuzzedHeaders are taken by some route or by all of them.
var fuzzedHeaders = []string{
	"", "If-None-Match: *", `If-Match: W/"00010000000000010000", "x"`, "Keyval-Min-Versionstamp: 00010000000000000000", "Last-Event-ID: 00010000000000000000",
	"Idempotency-Key: k\r\nOrigin: https://app.example", "Host: kv.example\r\nSec-Fetch-Site: cross-site", "Accept-Encoding: gzip;q=0.5, *\r\nAccept: text/plain",
	"Authorization: Bearer keyval_a_b\r\nContent-Encoding: identity\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}

// Whatever comes over the network to the API: path, query, headers and body, to every
// route. Nothing of it may be met by a bug, and what is refused is refused in the words
// of the contract.
func FuzzRequest(f *testing.F) {
	api := fuzzed(f)
	routes := fuzzedRoutes(f, api)
	for i, r := range routes {
		for _, body := range fuzzedBodies {
			if body == "" || r.method != http.MethodGet {
				f.Add(uint8(i), "a/~i:1", "", "", []byte(body))
			}
		}
		f.Add(uint8(i), "~s:a%2F", "prefix=a&versionstamps=a:x,b/1:00010000000000010000", "", []byte(nil))
		for _, header := range fuzzedHeaders {
			f.Add(uint8(i), "01890000-0000-7000-8000-000000000000", r.query, header, []byte("1"))
		}
	}
	f.Fuzz(func(t *testing.T, row uint8, path, query, header string, body []byte) {
		r := routes[int(row)%len(routes)]
		target := strings.NewReplacer("{key}", path, "{id}", path).Replace(r.template)
		if query != "" {
			target += "?" + query
		}
		if !strings.Contains(header, "Host:") {
			header = "Host: localhost\r\n" + header
		}
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(r.method + " " + target + " HTTP/1.1\r\n" + header + "\r\n\r\n")))
		if err != nil {
			return // net/http's own affair
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		request = request.WithContext(ctx)
		request.Body, request.ContentLength = http.NoBody, 0
		if len(body) > 0 {
			request.Body, request.ContentLength = httptest.NewRequest("PUT", "/", strings.NewReader(string(body))).Body, int64(len(body))
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, request)
		checkAnswer(t, request, w)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("%s %s took a minute", r.method, target)
		}
	})
}

// checkAnswer holds what every answer must be.
func checkAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code < 400 {
		return
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") { // KV Connect's
		if w.Body.Len() == 0 || w.Code >= 500 && w.Code != 503 {
			t.Errorf("%s %s: %d %q", r.Method, r.RequestURI, w.Code, w.Body)
		}
		return
	}
	var refused struct{ Error, Code string }
	if json.Unmarshal(w.Body.Bytes(), &refused) != nil || refused.Error == "" || refused.Code == "" {
		t.Errorf("%s %s: %d %q is no refusal of the contract", r.Method, r.RequestURI, w.Code, w.Body)
	}
	if w.Code >= 500 && refused.Code != "unavailable" { // a wait, or a disk that is full
		t.Errorf("%s %s: %d %s", r.Method, r.RequestURI, w.Code, w.Body)
	}
}
