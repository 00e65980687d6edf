package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// BenchmarkRequests is what the client adds to a bare exchange over HTTP, which is
// measured beside it.
func BenchmarkRequests(b *testing.B) {
	const entry = `{"key":["users",42],"value":{"name":"Alice","age":30},"versionstamp":"00000000000000010000"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set(api.HeaderVersionstamp, "00000000000000010000")
		_, _ = w.Write([]byte(entry))
	}))
	defer server.Close()
	c, err := client.New(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	key := api.Key{"users", 42}
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			resp, err := http.Get(server.URL + "/keys/users/42")
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Get(b.Context(), key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Put(b.Context(), key, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
