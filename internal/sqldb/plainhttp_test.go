package sqldb_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

func TestAServerWithoutWebSocketsIsReadOverHTTP(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	primary, replica := withoutWebSockets(t, pair.Primary.HTTPURL()), withoutWebSockets(t, pair.Replica.HTTPURL())
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: primary, ReplicaURL: replica})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, r := range []sqldb.Reader{db.Primary(), db.Replica()} {
		rows, err := r.Query(t.Context(), sqldb.Stmt{SQL: "SELECT 41+1"})
		if err != nil || rows[0].Integer(0) != 42 {
			t.Errorf("got %v, %v; want 42", rows, err)
		}
	}
}

// withoutWebSockets is a server in front of target that speaks only HTTP.
func withoutWebSockets(t *testing.T, target string) string {
	t.Helper()
	address, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(address)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no WebSockets here", http.StatusNotFound)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
