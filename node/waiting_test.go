package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// A journal is a log that a test reads while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// answered is what a node says to a request, "" while it says nothing.
func answered(t *testing.T, method, url string) (status int, header http.Header, body string) {
	t.Helper()
	status, header, body, err := exchange(t, method, url, "")
	if err != nil && status != 0 {
		t.Fatal(err)
	}
	return status, header, body
}

// exchange sends a request on a connection of its own. An error is with status 0 if
// nothing was answered, and else of the answer's body.
func exchange(t *testing.T, method, url, content string) (status int, header http.Header, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(text), err
}

func TestANodeThatStartsBeforeItsDatabaseWaitsForIt(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	var log journal
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL, cfg.HTTPAddr, cfg.Logger = primary.HTTPURL(), nodetest.MustReserveAddr(t), log.logger()
	url := "http://" + cfg.HTTPAddr
	started := make(chan *testnode.Node, 1)
	go func() {
		defer close(started)
		n, err := testnode.StartNode(t.Context(), cfg)
		if err != nil {
			t.Errorf("it did not wait: %v", err)
			return
		}
		started <- n
	}()

	await.That(t, "it says that it lives", func() bool {
		status, _, body := answered(t, "GET", url+"/healthz")
		return status == 200 && body == "{\"status\":\"ok\"}\n"
	})
	for _, c := range []struct{ method, path, says string }{
		{"GET", "/readyz", "check database failed"},
		{"GET", "/_/plugin-keyval/readyz", "check database failed"},
		{"PUT", "/keys/a", "nothing was done"},
		{"GET", "/metrics", "nothing was done"},
	} {
		status, header, body := answered(t, c.method, url+c.path)
		if status != 503 || header.Get("Retry-After") == "" || header.Get("X-Request-Id") == "" ||
			!strings.Contains(body, c.says) || !strings.Contains(body, `"code":"unavailable"`) || !strings.HasSuffix(body, "}\n") {
			t.Errorf("%s %s: got %d %v %q, want 503 unavailable to be tried again, that says %q", c.method, c.path, status, header, body, c.says)
		}
		if strings.Contains(body, primary.Addr()) {
			t.Errorf("%s %s tells strangers where the database is: %s", c.method, c.path, body)
		}
	}
	if !strings.Contains(log.String(), "waiting for the database") || !strings.Contains(log.String(), primary.HTTPURL()) {
		t.Errorf("the log does not say what it waits for:\n%s", log.String())
	}

	if err := primary.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := <-started
	if n == nil {
		return
	}
	t.Cleanup(func() { _ = n.Close() })
	if !ready(t.Context(), url) {
		t.Error("it is started and not ready")
	}
	if _, err := n.Client.Put(t.Context(), api.Key{"a"}, 1); err != nil {
		t.Error(err)
	}
}

func TestANodeThatWaitsForItsDatabaseCanBeStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var log journal
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL, cfg.Logger = "http://"+nodetest.MustReserveAddr(t), log.logger()
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx, cfg) }()
	await.That(t, "it waits", func() bool { return strings.Contains(log.String(), "waiting for the database") })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
}

// Waiting would not mend these.
func TestANodeDoesNotWaitForADatabaseThatRefusesIt(t *testing.T) {
	t.Parallel()
	foreign := nodetest.MustStartPrimary(t)
	for _, sql := range []string{"CREATE TABLE kv_entries (key BLOB)", "INSERT INTO kv_entries VALUES (x'00')"} {
		if _, err := foreign.Query(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	cfg := testnode.NodeConfig(t.TempDir())
	cfg.LibsqlURL = foreign.HTTPURL()
	if err := node.Run(t.Context(), cfg); !errors.Is(err, node.ErrBadSetting) {
		t.Errorf("got %v, want a bad setting", err)
	}
}
