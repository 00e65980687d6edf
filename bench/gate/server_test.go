package gate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// A server is the API over all that a node has, but for the leader's jobs and the
// connections: what is counted is from the parsed header to the written answer.
type server struct {
	t       *testing.T
	handler http.Handler
}

// mustServe serves a database. asked is told what that is asked, if not nil.
func mustServe(t *testing.T, url string, asked func(string, []sqldb.Stmt)) *server {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: url, SilentAfter: nodetest.Patience, Asked: asked})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	messages, err := queue.New(queue.Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(messages.Close)
	store := kv.New(db, kv.Config{})
	// Nothing but the commits themselves has the change log read.
	changes := watch.New(watch.Config{DB: db, Store: store, Interval: time.Hour})
	t.Cleanup(changes.Close)
	api, err := httpapi.New(httpapi.Config{
		Store: store, Queue: messages, Watch: changes, Indexes: search.New(db),
		OperationTimeout: time.Minute, MaxValueBytes: 1 << 20, Compress: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.EndWaits)
	return &server{t: t, handler: api}
}

// must is the answer to a request that sets something up.
func (s *server) must(method, target, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, newRequest(method, target, body))
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
	}
	return w
}

// position is the versionstamp that an answer tells.
func position(w *httptest.ResponseRecorder) string { return w.Header().Get("Keyval-Versionstamp") }

func newRequest(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	return r
}

// An answer takes what the handler writes, as a connection does, at no cost that would be
// counted. It can be used again.
type answer struct {
	header http.Header
	status int
	start  [200]byte // of the body
	length int
}

func newAnswer() *answer { return &answer{header: make(http.Header, 16)} }

func (a *answer) reset() {
	clear(a.header)
	a.status, a.length = http.StatusOK, 0
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(p []byte) (int, error) {
	if a.length < len(a.start) {
		copy(a.start[a.length:], p)
	}
	a.length += len(p)
	return len(p), nil
}

func (a *answer) SetReadDeadline(time.Time) error { return nil }

func (a *answer) SetWriteDeadline(time.Time) error { return nil }

// serve has the handler answer, which must do what was asked.
func (s *server) serve(a *answer, r *http.Request) {
	a.reset()
	s.handler.ServeHTTP(a, r)
	if a.status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", r.Method, r.URL, a.status, a.start[:min(a.length, len(a.start))])
	}
}
