package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

// fuzzedTargets are the routes that a fuzzed request goes to, by their templates.
func fuzzedTargets(f *testing.F, api http.Handler) (targets []string) {
	f.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/openapi.json", nil))
	var document struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		f.Fatal(err)
	}
	for template, methods := range document.Paths {
		for method := range methods {
			targets = append(targets, strings.ToUpper(method)+" "+template)
		}
	}
	slices.Sort(targets)
	return targets
}

// Whatever comes over the network to the API: path, query, headers and body, to every
// route. Nothing of it may be met by a bug, and what is refused is refused in the words
// of the contract.
func FuzzRequest(f *testing.F) {
	api := fuzzed(f)
	targets := fuzzedTargets(f, api)
	for i := range targets {
		f.Add(uint8(i), "a/1", "prefix=a&limit=5&consistency=strong", "If-None-Match: *", []byte(`{"keys":[["a",1]]}`))
		f.Add(uint8(i), "~s:a%2F", "cursor=AAAA&queue=a&state=ready&max=3&lock=1000", "Keyval-Min-Versionstamp: 00010000000000000000", []byte(`{"id":"01890000-0000-7000-8000-000000000000","receipt":"00010000000000010000d0.default","lock":5}`))
		f.Add(uint8(i), "01890000-0000-7000-8000-000000000000", "receipt=00010000000000010000D17.default&wait=1", "Idempotency-Key: k\r\nOrigin: https://app.example", []byte(`{"value":{"$now":true},"options":{"delay":5,"backoffSchedule":[1],"keys":[["a"]],"priority":-1,"dedupeId":"d"}}`))
		f.Add(uint8(i), "~x:AA", "keys=a,b&versionstamps=00010000000000010000,&since=00010000000000010000", "Last-Event-ID: 0\r\nHost: kv.example", []byte(`{"checks":[{"key":[1],"versionstamp":null}],"mutations":[{"type":"sum","key":[true],"value":"5"}],"enqueue":[{"value":1}]}`))
		f.Add(uint8(i), "b", "prefix=a&versionstamps=a:x,b/1:00010000000000010000", "Sec-Fetch-Site: cross-site\r\nAccept-Encoding: gzip;q=0.5, *", []byte(`{"reads":[{"prefix":[],"start":[1],"reverse":true},{"key":["a"]}],"snapshot":"00010000000000010000"}`))
	}
	f.Fuzz(func(t *testing.T, row uint8, path, query, header string, body []byte) {
		method, template, _ := strings.Cut(targets[int(row)%len(targets)], " ")
		target := strings.NewReplacer("{key}", path, "{id}", path).Replace(template)
		if query != "" {
			target += "?" + query
		}
		if !strings.Contains(header, "Host:") {
			header = "Host: localhost\r\n" + header
		}
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\n" + header + "\r\n\r\n")))
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
			t.Errorf("%s %s took a minute", method, target)
		}
	})
}

// checkAnswer holds what every answer must be.
func checkAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code < 400 {
		return
	}
	var refused struct{ Error, Code string }
	if r.Method != http.MethodHead && (json.Unmarshal(w.Body.Bytes(), &refused) != nil || refused.Error == "" || refused.Code == "") {
		t.Errorf("%s %s: %d %q is no refusal of the contract", r.Method, r.RequestURI, w.Code, w.Body)
	}
	if w.Code >= 500 && refused.Code != "unavailable" { // a wait, or a disk that is full
		t.Errorf("%s %s: %d %s", r.Method, r.RequestURI, w.Code, w.Body)
	}
}
