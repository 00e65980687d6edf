package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// BenchmarkHandler is what one request costs from the parsed header to the
// written answer, on an embedded database. Its allocations are the ones to watch:
// they do not depend on the machine.
func BenchmarkHandler(b *testing.B) {
	db, err := sqldb.Open(b.Context(), sqldb.Config{PrimaryURL: "file:" + filepath.Join(b.TempDir(), "keyval.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	api, err := httpapi.New(httpapi.Config{
		Store: kv.New(db, kv.Config{}), BasePath: basePath, OperationTimeout: time.Minute, MaxValueBytes: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer api.EndWaits()
	const body = `{"name":"alice","age":42}`
	for _, request := range []struct{ name, method, target, body string }{
		{"put", "PUT", "/keys/users/alice", body},
		{"get", "GET", "/keys/users/alice", ""},
		{"atomic", "POST", "/atomic", `{"mutations":[{"type":"set","key":["users","bob"],"value":` + body + `}]}`},
	} {
		b.Run(request.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				api.ServeHTTP(w, httptest.NewRequest(request.method, request.target, strings.NewReader(request.body)))
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}

// BenchmarkList is what a list of 1,000 small entries costs, plain and compressed. The
// figure of each is how many bytes travel.
func BenchmarkList(b *testing.B) {
	db, err := sqldb.Open(b.Context(), sqldb.Config{PrimaryURL: "file:" + filepath.Join(b.TempDir(), "keyval.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store := kv.New(db, kv.Config{})
	api, err := httpapi.New(httpapi.Config{
		Store: store, OperationTimeout: time.Minute, MaxValueBytes: 1 << 20, Compress: true})
	if err != nil {
		b.Fatal(err)
	}
	defer api.EndWaits()
	for i := range 1000 {
		value := fmt.Sprintf(`{"name":"user %d","email":"u%d@example.com","score":%d,"tags":["a","b"]}`, i, i*7919, i*104729)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest("PUT", fmt.Sprintf("/keys/users/%d", i), strings.NewReader(value)))
		if w.Code != http.StatusOK {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for _, accept := range []string{"identity", "gzip"} {
		b.Run(accept, func(b *testing.B) {
			b.ReportAllocs()
			var size int
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", "/keys?prefix=users&limit=1000", nil)
				r.Header.Set("Accept-Encoding", accept)
				api.ServeHTTP(w, r)
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
