package sqldb_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
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

// As sqld says it when it cannot read its file; of a write it means that there is no
// room, of a read it never does.
const cannotRead = `{"baton":null,"base_url":null,"results":[{"type":"error","error":{"message":"SQLite error: disk I/O error","code":"SQLITE_IOERR"}},{"type":"ok","response":{"type":"close"}}]}`

func TestAServerThatCannotReadItsDiskIsOutAndTheOtherOneIsAsked(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	open(t, sqldb.Config{PrimaryURL: pair.Primary.HTTPURL()})
	broken := inFrontOf(t, pair.Replica.HTTPURL(), func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no WebSockets here", http.StatusNotFound)
		} else {
			_, _ = io.WriteString(w, cannotRead)
		}
		return true
	})
	logs := &lockedText{}
	db := open(t, sqldb.Config{PrimaryURL: pair.Primary.HTTPURL(), ReplicaURL: broken, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	_, err := db.Replica().Query(timeout(t), sqldb.Stmt{SQL: "SELECT 1"})
	if wantErr(t, answer{err: err}, sqldb.ErrUnavailable); errors.Is(err, sqldb.ErrStorageFull) {
		t.Errorf("the answer to a read is %v", err)
	}
	for range 2 {
		if n, err := read(timeout(t), db, session, "missing"); n != 0 || err != nil {
			t.Errorf("got %d, %v; want it from the primary", n, err)
		}
	}
	if !strings.Contains(logs.String(), "the replica does not answer; the primary serves") {
		t.Errorf("it is asked again and again; the log says\n%s", logs)
	}
}

// withoutWebSockets is a server in front of target that speaks only HTTP.
func withoutWebSockets(t *testing.T, target string) string {
	t.Helper()
	return inFrontOf(t, target, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Upgrade") == "" {
			return false
		}
		http.Error(w, "no WebSockets here", http.StatusNotFound)
		return true
	})
}

// inFrontOf is a server in front of target that answers some requests itself.
func inFrontOf(t *testing.T, target string, answers func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	address, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(address)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
