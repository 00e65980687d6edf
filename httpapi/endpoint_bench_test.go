package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
)

// instantStore answers at once, so that what is measured is the way to it and back.
type instantStore struct{ Store }

func (instantStore) Get(_ context.Context, keys []kv.Key, _ kv.ReadOptions) ([]kv.Entry, kv.Versionstamp, error) {
	return []kv.Entry{{Key: keys[0], Value: []byte(`{"a":1}`), Versionstamp: "00000000000000010000"}}, "00000000000000010000", nil
}

func (instantStore) Atomic(context.Context, kv.AtomicRequest) (kv.AtomicResult, error) {
	return kv.AtomicResult{OK: true, Versionstamp: "00000000000000010000"}, nil
}

// nowhere is an answer that nobody reads.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkRequests is what a request costs between the HTTP server and the store.
func BenchmarkRequests(b *testing.B) {
	s, err := New(Config{Store: instantStore{}, OperationTimeout: time.Minute, MaxValueBytes: 1 << 20, BasePath: "/_/plugin-keyval"})
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range []struct{ name, method, target, body string }{
		{"get", "GET", "/keys/users/42", ""},
		{"get escaped", "GET", "/keys/users/a%2Fb%20c", ""},
		{"put", "PUT", "/keys/users/42", `{"name":"Alice","age":30}`},
	} {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req, err := http.NewRequest(r.method, "http://localhost"+r.target, strings.NewReader(r.body))
				if err != nil {
					b.Fatal(err)
				}
				req.RequestURI = r.target
				s.ServeHTTP(nowhere{http.Header{}}, req)
			}
		})
	}
}
