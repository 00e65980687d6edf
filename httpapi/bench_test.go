package httpapi_test

import (
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
