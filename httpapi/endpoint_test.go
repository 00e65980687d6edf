package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// A record is a log that tests can read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func TestEveryOutcomeOfTheStoreHasItsCodeAndStatus(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, c := range []struct {
		err        error
		code       api.Code
		retryAfter string
	}{
		{kv.ErrInvalidKey, api.InvalidKey, ""},
		{kv.ErrInvalidValue, api.InvalidValue, ""},
		{kv.ErrInvalidArgument, api.InvalidArgument, ""},
		{kv.ErrInvalidJSON, api.InvalidJSON, ""},
		{kv.ErrInvalidCursor, api.InvalidCursor, ""},
		{kv.ErrInvalidFilter, api.InvalidFilter, ""},
		{kv.ErrTypeMismatch, api.TypeMismatch, ""},
		{kv.ErrOutOfRange, api.OutOfRange, ""},
		{kv.ErrNotFound, api.NotFound, ""},
		{kv.ErrPositionLost, api.PositionLost, ""},
		{kv.ErrPreconditionFailed, api.PreconditionFailed, ""},
		{kv.ErrTooLarge, api.TooLarge, ""},
		{fmt.Errorf("%w: secret detail", sqldb.ErrTooLarge), api.TooLarge, ""},
		{sqldb.ErrOverloaded, api.TooManyRequests, "1"},
		{fmt.Errorf("%w: secret detail", sqldb.ErrStorageFull), api.StorageFull, ""},
		{fmt.Errorf("%w: secret detail", sqldb.ErrUnavailable), api.Unavailable, "1"},
		{fmt.Errorf("%w: secret detail", sqldb.ErrCorrupt), api.Unavailable, "1"},
		{fmt.Errorf("%w: secret detail", sqldb.ErrReadOnly), api.Unavailable, "1"},
		{fmt.Errorf("%w: secret detail", sqldb.ErrMoved), api.Unavailable, "1"},
		{sqldb.ErrRestored, api.Unavailable, "1"},
		{fmt.Errorf("%w: secret detail", sqldb.ErrCommitUnknown), api.CommitUnknown, ""},
		{errors.Join(sqldb.ErrCommitUnknown, context.DeadlineExceeded), api.CommitUnknown, ""},
		{kv.ErrTimeout, api.Timeout, ""},
		{context.DeadlineExceeded, api.Timeout, ""},
		{errors.New("secret detail"), api.Internal, ""},
		{context.Canceled, api.Internal, ""}, // by nobody who has a reason
	} {
		f.store.failWith(fmt.Errorf("doing it: %w", c.err))
		for _, target := range []string{"/keys/a", "/atomic", "/transaction", "/keys/batch"} {
			method, body := "POST", `{}`
			switch target {
			case "/keys/a":
				method, body = "PUT", "1"
			case "/keys/batch":
				body = `{"keys":[["a"]]}`
			}
			got := f.do(method, target, body)
			r := refusal{code: c.code}
			r.check(t, got)
			if retry := got.header.Get("Retry-After"); retry != c.retryAfter {
				t.Errorf("%v: Retry-After: got %q, want %q", c.err, retry, c.retryAfter)
			}
			if strings.Contains(got.body, "secret") {
				t.Errorf("the answer tells the error: %s", got.body)
			}
		}
	}
}

// A cutOffQueue is one whose purges fail half-way, as the store does.
type cutOffQueue struct {
	httpapi.Queue
	store *faultyStore
}

func (q cutOffQueue) PurgeDeadLetters(ctx context.Context, _ string) (int, error) {
	return 2000, q.store.fault(ctx)
}

func (q cutOffQueue) PurgeMessages(ctx context.Context, _ string, _ queue.State) (int, error) {
	return 2000, q.store.fault(ctx)
}

func TestABulkDeleteThatIsCutOffSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	var q cutOffQueue
	f := mustServe(t, func(c *httpapi.Config) {
		q.store = c.Store.(*faultyStore)
		c.Queue = q
	})
	for _, c := range []struct {
		err  error
		code api.Code
		says string
	}{
		{kv.ErrTimeout, api.Timeout, "the operation timeout passed"},
		{fmt.Errorf("%w: secret", sqldb.ErrStorageFull), api.StorageFull, "make room on it"},
		{fmt.Errorf("%w: secret", sqldb.ErrCorrupt), api.Unavailable, "the database is corrupt"},
		{fmt.Errorf("%w: secret", sqldb.ErrUnavailable), api.Unavailable, "the database is unavailable; repeat"},
		{fmt.Errorf("%w: secret", sqldb.ErrCommitUnknown), api.CommitUnknown, "unknown"},
		{sqldb.ErrOverloaded, api.TooManyRequests, "too many requests are waiting"},
		{errors.New("secret"), api.Internal, "an internal error"},
	} {
		f.store.failWith(c.err)
		for _, target := range []struct{ method, target, body string }{
			{"DELETE", "/keys?prefix=a", ""},
			{"DELETE", "/keys?all=true", ""},
			{"DELETE", "/keys", `{"keys":[["a"]]}`},
			{"DELETE", "/keys/a?children=true", ""},
			{"DELETE", basePath + "/keys/a", ""},
			{"POST", "/keys/delete-batch", `{"keys":[["a"]]}`},
			{"DELETE", "/queue/messages", ""},
			{"DELETE", "/queue/dlq", ""},
		} {
			got := f.do(target.method, target.target, target.body)
			r := refusal{name: target.target, code: c.code, says: "after 2000 "}
			r.check(t, got)
			if !strings.Contains(got.body, c.says) || !strings.Contains(got.body, `"deletedCount":2000`) || strings.Contains(got.body, "nothing was") || strings.Contains(got.body, "secret") {
				t.Errorf("%s, %v: got %s, want that it says %q, the number, and nothing secret or untrue", target.target, c.err, got.body, c.says)
			}
		}
	}
}

func TestAnOperationThatTakesTooLongIsATimeout(t *testing.T) {
	t.Parallel()
	f := mustServe(t, func(c *httpapi.Config) { c.OperationTimeout = 20 * time.Millisecond })
	f.store.failBy(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	r := refusal{code: api.Timeout, says: "nothing was changed"}
	r.check(t, f.do("PUT", "/keys/a", "1"))
}

func TestAPanicIsAnErrorWithItsStackInTheLog(t *testing.T) {
	t.Parallel()
	var log record
	f := mustServe(t, func(c *httpapi.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	f.store.failBy(func(context.Context) error { panic("secret state") })
	got := f.do("GET", "/keys/a", "", "X-Request-Id: my-request")
	r := refusal{code: api.Internal, says: "log"}
	r.check(t, got)
	if strings.Contains(got.body, "secret") {
		t.Errorf("the answer tells the panic: %s", got.body)
	}
	for _, want := range []string{"my-request", "secret state", "endpoint_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
	f.store.failWith(nil)
	f.must("PUT", "/keys/a", "1")
}

func TestARequestIDIsTheCallersIfItIsFitForALog(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, c := range []struct {
		given string
		kept  bool
	}{
		{"abc-123", true},
		{strings.Repeat("x", 128), true},
		{strings.Repeat("x", 129), false},
		{"two words", false},
		{"caf\xc3\xa9", false},
		{"", false},
	} {
		got := f.do("GET", "/nothing", "", "X-Request-Id: "+c.given).header.Get("X-Request-Id")
		if kept := got == c.given; kept != c.kept || got == "" {
			t.Errorf("X-Request-Id %q: got %q, kept: %v, want %v", c.given, got, kept, c.kept)
		}
	}
	if a, b := f.do("GET", "/healthz", ""), f.do("GET", "/healthz", ""); a.header.Get("X-Request-Id") == b.header.Get("X-Request-Id") {
		t.Error("two requests got the same id")
	}
}

func TestAMethodThatIsNotAllowedNamesThoseThatAre(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for _, c := range []struct{ method, target, allow string }{
		{"POST", "/keys/a", "GET, HEAD, PUT, DELETE"},
		{"POST", "/keys/a%2Fb", "GET, HEAD, PUT, DELETE"},
		{"GET", "/atomic", "POST"},
		{"PATCH", "/keys", "GET, HEAD, DELETE"},
		{"PATCH", "/keys/count", "GET, HEAD, POST, PUT, DELETE"},
		{"POST", basePath + "/healthz", "GET, HEAD"},
	} {
		got := f.do(c.method, c.target, "")
		if got.status != 405 || got.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: got %d, Allow %q, want 405, %q", c.method, c.target, got.status, got.header.Get("Allow"), c.allow)
		}
	}
}

func TestABodyThatIsAnnouncedTooLargeIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n")
	answer := make([]byte, 1024)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(answer[:n]); !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Errorf("got %q, want 413", got)
	}
}

func TestABodyThatEndsEarlyWritesNothing(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	conn.Close()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(answer); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("got %q, want 400", got)
	}
	if got := f.everything(); got != "[]" {
		t.Errorf("entries: got %s, want none", got)
	}
}

func TestABrokenEscapeInAPathIsRefused(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "PUT /keys/%zz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1")
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	// The standard library refuses it before there is a request.
	if got := string(answer); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("got %q, want 400", got)
	}
}

func TestHTTP2WorksWithoutTLS(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	answer, err := http2Client(t).Get(f.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.ProtoMajor != 2 || answer.StatusCode != 200 {
		t.Errorf("got %s %d, want HTTP/2 and 200", answer.Proto, answer.StatusCode)
	}
}

func TestOnlyTheNamedOriginsMayCall(t *testing.T) {
	t.Parallel()
	f := mustServe(t, func(c *httpapi.Config) { c.CORSOrigins = []string{"https://app.example"} })
	for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": ""} {
		preflight := f.do("OPTIONS", "/keys/a", "", "Origin: "+origin,
			"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: idempotency-key")
		get := f.do("GET", "/healthz", "", "Origin: "+origin)
		for name, r := range map[string]reply{"preflight": preflight, "GET": get} {
			if got := r.header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %s: allowed %q, want %q", name, origin, got, want)
			}
		}
		if got := get.header.Get("Access-Control-Expose-Headers"); want != "" && !strings.Contains(got, "Keyval-Versionstamp") {
			t.Errorf("exposed headers: got %q, want Keyval-Versionstamp in them", got)
		}
	}
	none := mustServe(t)
	if got := none.do("GET", "/healthz", "", "Origin: https://app.example").header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("without origins: allowed %q, want none", got)
	}
}

func TestReadinessNamesTheCheckThatFails(t *testing.T) {
	t.Parallel()
	failing := fmt.Errorf("%w: dial tcp 10.0.0.1:8880: no route to host", sqldb.ErrUnavailable)
	var reason error
	var log record
	f := mustServe(t, func(c *httpapi.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Checks = []httpapi.Check{
			{Name: "position", Ready: func(context.Context) error { return nil }},
			{Name: "database", Ready: func(context.Context) error { return reason }},
		}
	})
	f.must("GET", "/readyz", "")
	reason = failing
	r := refusal{code: api.Unavailable, says: "check database failed: the database is unavailable"}
	got := f.do("GET", "/readyz", "")
	r.check(t, got)
	if strings.Contains(got.body, "10.0.0.1") || !strings.Contains(log.String(), "10.0.0.1:8880") {
		t.Errorf("the address is for the log alone; the answer: %s\nthe log: %s", got.body, log.String())
	}
	f.must("GET", "/healthz", "")
	reason = nil
	f.api.Drain()
	r = refusal{code: api.Unavailable, says: "check draining failed"}
	r.check(t, f.do("GET", "/readyz", ""))
	if got := f.must("PUT", "/keys/a", "1"); got.status != 200 {
		t.Errorf("a request while draining: got %d, want 200", got.status)
	}
}

func TestTheClusterIsShown(t *testing.T) {
	t.Parallel()
	f := mustServe(t, func(c *httpapi.Config) {
		c.Node = api.ClusterNode{ID: "n1", Version: "v9", HTTPAddr: "127.0.0.1:1", StartedAt: 5}
		c.Cluster = twoNodes{}
		c.Positions = func() api.Positions { return api.Positions{Primary: "00010000000000020000"} }
	})
	got := f.must("GET", "/cluster", "").body
	want := `{"node":{"id":"n1","version":"v9","httpAddr":"127.0.0.1:1","startedAt":5},"leader":{"id":"n2","httpAddr":"127.0.0.1:2"},"epoch":3,` +
		`"members":[{"id":"n2","httpAddr":"127.0.0.1:2","gossipAddr":"","raftAddr":"","status":"alive","role":"voter","leader":true}],` +
		`"versionstamps":{"primary":"00010000000000020000","replica":null,"tail":null}}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type twoNodes struct{}

func (twoNodes) Members() []api.Member {
	return []api.Member{{ID: "n2", HTTPAddr: "127.0.0.1:2", Status: api.MemberAlive, Role: api.RoleVoter, Leader: true}}
}

func (twoNodes) Leader() (*api.ClusterLeader, uint64) {
	return &api.ClusterLeader{ID: "n2", HTTPAddr: "127.0.0.1:2"}, 3
}

func TestMetricsCountByRouteAndOutcomeInBothForms(t *testing.T) {
	t.Parallel()
	f := mustServe(t, func(c *httpapi.Config) {
		c.Snapshots = map[string]func(context.Context) (any, error){
			"storage": func(context.Context) (any, error) { return api.StorageMetrics{Entries: 1}, nil },
		}
	})
	f.must("PUT", "/keys/a", "1")
	f.must("PUT", "/keys/b", "1")
	f.do("PUT", "/keys/b", "{")
	f.do("GET", "/keys/missing", "")
	f.do("GET", "/"+strings.Repeat("unknown/", 5), "")
	text := f.must("GET", "/metrics", "", "Accept: text/plain;version=0.0.4").body
	for _, want := range []string{
		`keyval_http_request_duration_seconds_count{method="PUT",outcome="ok",route="/keys/{key}"} 2`,
		`keyval_http_request_duration_seconds_count{method="PUT",outcome="invalid_json",route="/keys/{key}"} 1`,
		`keyval_http_request_duration_seconds_count{method="GET",outcome="not_found",route="/keys/{key}"} 1`,
		`keyval_http_request_duration_seconds_count{method="any",outcome="not_found",route="unmatched"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("Prometheus: %s is missing in\n%s", want, text)
		}
	}
	got := f.must("GET", "/metrics", "").body
	for _, want := range []string{`"set":{"count":3,"errors":1,`, `"get":{"count":1,"errors":0,`, `"storage":{"entries":1,"sizeBytes":0}`} {
		if !strings.Contains(got, want) {
			t.Errorf("JSON: %s is missing in %s", want, got)
		}
	}
}

func TestMetricsLeaveOutWhatCannotBeFoundOut(t *testing.T) {
	t.Parallel()
	var log record
	f := mustServe(t, func(c *httpapi.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Snapshots = map[string]func(context.Context) (any, error){
			"storage": func(context.Context) (any, error) { return nil, fmt.Errorf("%w: detail", sqldb.ErrUnavailable) },
			"cluster": func(context.Context) (any, error) { return api.ClusterMetrics{}, nil },
		}
	})
	got := f.must("GET", "/metrics", "").body
	if strings.Contains(got, "storage") || !strings.Contains(got, `"cluster":{`) || !strings.Contains(got, `"operations":{`) {
		t.Errorf("got %s, want all but storage", got)
	}
	if !strings.Contains(log.String(), "detail") {
		t.Errorf("the log does not say why: %s", log.String())
	}
}

func TestASpanIsNamedByItsRouteAndContinuesTheCallersTrace(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	f := mustServe(t, func(c *httpapi.Config) {
		c.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	})
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	f.do("GET", "/keys/secret", "", "Traceparent: 00-"+traceID+"-b7ad6b7169203331-01")
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("got %d spans, want 1", len(ended))
	}
	if got := ended[0].Name(); got != "GET /keys/{key}" {
		t.Errorf("name: got %q, want the route", got)
	}
	if got := ended[0].SpanContext().TraceID().String(); got != traceID {
		t.Errorf("trace: got %s, want %s", got, traceID)
	}
}

func TestAConfigurationThatCannotWorkIsNamed(t *testing.T) {
	t.Parallel()
	good := httpapi.Config{Store: &faultyStore{}, OperationTimeout: time.Second, MaxValueBytes: 1}
	for field, spoil := range map[string]func(*httpapi.Config){
		"Store":            func(c *httpapi.Config) { c.Store = nil },
		"OperationTimeout": func(c *httpapi.Config) { c.OperationTimeout = 0 },
		"MaxValueBytes":    func(c *httpapi.Config) { c.MaxValueBytes = 0 },
		"BasePath":         func(c *httpapi.Config) { c.BasePath = "base/" },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := httpapi.New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("%s: got %v, want an error that names it", field, err)
		}
	}
	if _, err := httpapi.New(good); err != nil {
		t.Errorf("good: got %v", err)
	}
}
