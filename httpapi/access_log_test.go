package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/await"
)

// An accessRecord is a line of the access log.
type accessRecord struct {
	Level, Msg, Method, Route, Outcome, Token, Remote, Trace string
	Status                                                   int
	Duration                                                 float64 `json:"duration_ms"`
	In                                                       int64   `json:"bytes_in"`
	Out                                                      int64   `json:"bytes_out"`
	RequestID                                                string  `json:"request_id"`
}

// logged has the fixture keep an access log.
func logged(log *record) func(*httpapi.Config) {
	return func(c *httpapi.Config) { c.AccessLog, c.Logger = true, slog.New(slog.NewJSONHandler(log, nil)) }
}

// traceHandler adds the trace that a record belongs to.
type traceHandler struct{ slog.Handler }

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.String("trace", trace.SpanContextFromContext(ctx).TraceID().String()))
	return h.Handler.Handle(ctx, r)
}

// mustAccesses are the lines of the access log, n of them.
func mustAccesses(t *testing.T, log *record, n int) []accessRecord {
	t.Helper()
	var all []accessRecord
	await.That(t, "every request is in the access log", func() bool {
		all = nil
		for line := range strings.Lines(log.String()) {
			var a accessRecord
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Fatal(err)
			}
			if a.Msg == "request" {
				all = append(all, a)
			}
		}
		return len(all) >= n
	})
	if len(all) > n {
		t.Fatalf("%d requests are in the access log, want %d:\n%s", len(all), n, log)
	}
	return all
}

func TestEveryRequestIsInTheAccessLogWithItsRouteAndWithoutItsKeys(t *testing.T) {
	t.Parallel()
	var log record
	f := mustServeEverything(t, logged(&log))
	requests := []struct {
		method, target, body string
		want                 accessRecord // what it says apart from the rest
	}{
		{"PUT", "/keys/hush/1?expireIn=5000", `"hush"`, accessRecord{Route: "/keys/{key}", Status: 200, Outcome: "ok", In: 6}},
		{"GET", "/keys/hush/1", "", accessRecord{Route: "/keys/{key}", Status: 200, Outcome: "ok"}},
		{"HEAD", "/keys/hush/1", "", accessRecord{Route: "/keys/{key}", Status: 200, Outcome: "ok"}},
		{"GET", basePath + "/keys/hush/2", "", accessRecord{Route: "/keys/{key}", Status: 404, Outcome: "not_found"}},
		{"POST", "/atomic", `{"hush":1}`, accessRecord{Route: "/atomic", Status: 400, Outcome: "invalid_argument", In: 10}},
		{"GET", "/queue/dequeue?queue=hush", "", accessRecord{Route: "/queue/dequeue", Status: 200, Outcome: "ok"}},
		{"POST", "/queue/ack/01890000-0000-7000-8000-000000000000?receipt=1.hush.default", "", accessRecord{Route: "/queue/ack/{id}", Status: 409, Outcome: "lock_lost"}},
		{"GET", "/hush", "", accessRecord{Route: "unmatched", Status: 404, Outcome: "not_found"}},
		{"HUSH", "/keys/hush/1", "", accessRecord{Method: "other", Route: "unmatched", Status: 405, Outcome: "method_not_allowed"}},
	}
	for i, r := range requests {
		got := f.do(r.method, r.target, r.body, "X-Request-Id: id")
		line := mustAccesses(t, &log, i+1)[i]
		want := r.want
		if want.Method == "" {
			want.Method = r.method
		}
		want.Level, want.Msg, want.RequestID = "INFO", "request", "id"
		if r.method != "HEAD" {
			want.Out, _ = strconv.ParseInt(got.header.Get("Content-Length"), 10, 64)
		}
		if line.Duration < 0 || !strings.HasPrefix(line.Remote, "127.0.0.1:") {
			t.Errorf("%s %s: took %v ms, from %q", r.method, r.target, line.Duration, line.Remote)
		}
		want.Duration, want.Remote = line.Duration, line.Remote
		if line != want {
			t.Errorf("%s %s:\n got %+v,\nwant %+v", r.method, r.target, line, want)
		}
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"msg":"request"`) && strings.Contains(strings.ToLower(line), "hush") {
			t.Errorf("the access log has what it must not: %s", line)
		}
	}
}

func TestAStreamIsInTheAccessLogOnceItHasEnded(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/watch?keys=a", "/watch/prefix?prefix=a", "/queue/listen"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			var log record
			f := mustServeEverything(t, logged(&log), func(c *httpapi.Config) {
				c.TracerProvider = sdktrace.NewTracerProvider()
				c.Logger = slog.New(traceHandler{c.Logger.Handler()})
			})
			f.must("PUT", "/keys/a", "1")
			conn := f.mustSend("GET " + target + " HTTP/1.1\r\nHost: x\r\nX-Request-Id: stream\r\n\r\n")
			reader := bufio.NewReader(conn)
			answer, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			first := make([]byte, len("retry: 1000\n\n"))
			if _, err := io.ReadFull(answer.Body, first); err != nil {
				t.Fatal(err)
			}
			if f.must("GET", "/healthz", ""); len(mustAccesses(t, &log, 2)) != 2 {
				t.Error("the stream is in the log before it has ended")
			}
			_ = conn.Close()
			stream := mustAccesses(t, &log, 3)[2]
			if stream.RequestID != "stream" || stream.Status != 200 || stream.Outcome != "ok" || stream.Out < int64(len(first)) || strings.Trim(stream.Trace, "0") == "" {
				t.Errorf("got %+v", stream)
			}
			if route, _, _ := strings.Cut(target, "?"); stream.Route != route {
				t.Errorf("got the route %s, want %s", stream.Route, route)
			}
		})
	}
}

func TestAStreamThatTheNodeEndsIsInTheAccessLogBeforeTheDrainIsOver(t *testing.T) {
	t.Parallel()
	var log record
	f := mustServeEverything(t, logged(&log))
	f.mustSend("GET /watch?keys=a HTTP/1.1\r\nHost: x\r\n\r\n")
	await.That(t, "the stream is open", func() bool { return f.api.OpenStreams() == 1 })
	f.api.EndWaits()
	if !strings.Contains(log.String(), `"route":"/watch"`) {
		t.Errorf("the log has no stream:\n%s", log.String())
	}
}

func TestARequestWhoseConnectionIsBrokenIsInTheAccessLog(t *testing.T) {
	t.Parallel()
	var log record
	f := mustServe(t, logged(&log))
	f.store.failBy(func(context.Context) error { panic(http.ErrAbortHandler) })
	if _, err := http.Get(f.URL + "/keys/a"); err == nil {
		t.Fatal("the connection was not broken")
	}
	if got := mustAccesses(t, &log, 1)[0]; got.Outcome != "internal" || got.Status != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestWithoutTheSettingThereIsNoAccessLog(t *testing.T) {
	t.Parallel()
	var log record
	f := mustServe(t, logged(&log), func(c *httpapi.Config) { c.AccessLog = false })
	f.must("PUT", "/keys/a", "1")
	if log.String() != "" {
		t.Errorf("the log has %s", log.String())
	}
}
