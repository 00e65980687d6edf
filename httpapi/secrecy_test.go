package httpapi_test

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

func TestNoAnswerTellsWhereTheDatabaseIsOrWhatItsDriverSays(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	db := mustOpen(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	var log record
	f := mustServeEverythingOn(t, db, func(c *httpapi.Config) {
		c.OperationTimeout = 2 * time.Second
		c.Checks = []httpapi.Check{{Name: "database", Ready: db.Ping}}
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	routes := f.routes(t)
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(primary.Addr())
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{
		"/watch": "?keys=a", "/watch/prefix": "?prefix=a", "/watch/poll": "?keys=a", "/watch/prefix/poll": "?prefix=a",
		"/keys": "?prefix=a", "/queue/listen": "?queue=a",
	}
	bodies := map[string]string{
		"PUT /keys/{key}": "1", "POST /keys/batch": `{"keys":[["a"]]}`, "POST /keys/delete-batch": `{"keys":[["a"]]}`,
		"POST /queue/enqueue": `{"value":1}`, "POST /queue/extend/{id}": `{"receipt":"1.a.default","lock":1000}`,
	}
	failed := 0
	for _, r := range routes {
		if r.template == "/queue/listen" {
			continue // it waits for the database
		}
		body, given := bodies[r.method+" "+r.template]
		if !given && r.method == http.MethodPost {
			body = "{}"
		}
		got := f.do(r.method, r.target+queries[r.template], body)
		for _, secret := range []string{port, "127.0.0.1", "dial", "refused", "sqld", "hrana", "http:", "tcp", "driver", "EOF"} {
			if got.status >= 500 && strings.Contains(got.body, secret) {
				t.Errorf("%s %s tells %q: %s", r.method, r.template, secret, got.body)
			}
		}
		if got.status >= 500 {
			failed++
			id := got.header.Get("X-Request-Id")
			if !strings.Contains(log.String(), "request_id="+id) {
				t.Errorf("%s %s: %d %s, and the log has nothing of the request %s", r.method, r.template, got.status, got.body, id)
			}
		}
	}
	if failed < 15 {
		t.Errorf("%d routes have failed, want more: the database is away", failed)
	}
}
