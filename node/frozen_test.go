package node_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// A request is what a client sends, and what it is told.
type request struct{ method, path, body string }

func (r request) send(t *testing.T, url string) (status int, header http.Header, body string) {
	t.Helper()
	status, header, body, err := exchange(t, r.method, url+r.path, r.body)
	if err != nil {
		return 0, nil, err.Error()
	}
	return status, header, body
}

// wantUnavailable wants that the database is blamed, and not the caller's time.
func (r request) wantUnavailable(t *testing.T, url string) {
	t.Helper()
	status, header, body := r.send(t, url)
	if status != 503 || header.Get("Retry-After") == "" || !strings.Contains(body, `"code":"unavailable"`) {
		t.Errorf("%s %s: got %d %v %q, want 503 unavailable to be tried again", r.method, r.path, status, header, body)
	}
}

// frozenNode is a node that knows soon that its primary is silent, and whose requests
// have an hour.
func frozenNode(t *testing.T, sqld *nodetest.SqldPair) *testnode.Node {
	t.Helper()
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL, cfg.LibsqlReplicaURL, cfg.OperationTimeout = sqld.Primary.HTTPURL(), sqld.Replica.HTTPURL(), time.Hour
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: cfg.LibsqlURL, ReplicaURL: cfg.LibsqlReplicaURL,
		SlowAfter: 200 * time.Millisecond, SilentAfter: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	cfg.Database = db
	return testnode.MustStartNode(t, cfg)
}

func TestAFrozenPrimaryIsUnavailableAndNobodysTimeout(t *testing.T) {
	t.Parallel()
	sqld := nodetest.MustStartSqldPair(t)
	n := frozenNode(t, sqld)
	url := n.URL()
	await.That(t, "the replica shows what was written", func() bool {
		if _, err := n.Client.Put(t.Context(), api.Key{"a"}, 1); err != nil {
			return false
		}
		status, _, _ := request{"GET", "/keys/a?consistency=eventual", ""}.send(t, url)
		return status == 200
	})
	if err := sqld.Primary.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sqld.Primary.Resume() })

	// Under way when the silence is found out.
	under := []request{
		{"GET", "/keys/a?consistency=strong", ""},
		{"GET", "/keys?consistency=strong", ""},
		{"POST", "/keys/count", `{"consistency":"strong"}`},
		{"GET", "/queue/stats", ""},
		{"GET", "/queue/dequeue", ""},
		{"POST", "/transaction", `{"reads":[{"key":["a"]}]}`},
	}
	answered := make(chan struct{}, len(under))
	for _, r := range under {
		go func() {
			r.wantUnavailable(t, url)
			answered <- struct{}{}
		}()
	}
	for range under {
		<-answered
	}
	for _, r := range append(under,
		request{"PUT", "/keys/b", "1"},
		request{"DELETE", "/keys/a", ""},
		request{"POST", "/atomic", `{"mutations":[{"type":"set","key":["b"],"value":1}]}`},
		request{"POST", "/queue/enqueue", `{"value":1}`},
	) {
		r.wantUnavailable(t, url)
	}

	for _, path := range []string{"/keys/a?consistency=eventual", "/readyz"} {
		if status, _, body := (request{"GET", path, ""}).send(t, url); status != 200 {
			t.Errorf("GET %s: got %d %q, want that the replica serves it", path, status, body)
		}
	}
	if err := sqld.Replica.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sqld.Replica.Resume() })
	request{"GET", "/readyz", ""}.wantUnavailable(t, url)

	for _, s := range []*nodetest.Sqld{sqld.Replica, sqld.Primary} {
		if err := s.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	await.That(t, "the primary serves again, though nobody writes", func() bool {
		status, _, _ := request{"GET", "/keys/a?consistency=strong", ""}.send(t, url)
		return status == 200
	})
	await.That(t, "a write is taken", func() bool {
		status, _, _ := request{"PUT", "/keys/c", "1"}.send(t, url)
		return status == 200
	})
	if status, _, body := (request{"GET", "/keys/b?consistency=strong", ""}).send(t, url); status != 404 {
		t.Errorf("what was refused is there: %d %q", status, body)
	}
}
