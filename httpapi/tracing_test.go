package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/spans/spanstest"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

func TestARequestsSpanFollowsTheConventions(t *testing.T) {
	t.Parallel()
	r := spanstest.New()
	f := mustServe(t, func(c *httpapi.Config) { c.TracerProvider = r })
	f.do("GET", "/keys/missing?token=secret", "", "User-Agent: a test")
	span := r.Await(t, "GET /keys/{key}", nil)
	for key, want := range map[string]string{
		"http.request.method":       "GET",
		"http.route":                "/keys/{key}",
		"url.scheme":                "http",
		"url.path":                  "/keys/missing",
		"server.address":            "127.0.0.1",
		"server.port":               f.URL[strings.LastIndex(f.URL, ":")+1:],
		"client.address":            "127.0.0.1",
		"network.protocol.version":  "1.1",
		"user_agent.original":       "a test",
		"http.response.status_code": "400",
		"error.type":                "",
	} {
		if got := spanstest.Attribute(span, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if status := span.Status(); status.Code.String() != "Unset" {
		t.Errorf("what the caller got wrong has the status %v", status)
	}
	if told := fmt.Sprint(span.Attributes()); strings.Contains(told, "secret") {
		t.Errorf("the span has the query: %s", told)
	}
	f.store.failWith(fmt.Errorf("broken"))
	f.do("GET", "/keys/broken", "")
	broken := r.Await(t, "GET /keys/{key}", func(s spanstest.Span) bool { return spanstest.Attribute(s, "error.type") != "" })
	if got := broken.Status().Code.String(); got != "Error" {
		t.Errorf("what failed here has the status %s", got)
	}
}

func TestALatencyHasTheTraceThatShowsIt(t *testing.T) {
	t.Parallel()
	registry, r := prometheus.NewRegistry(), spanstest.New(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	db := embedded(t)
	db.TracerProvider, db.Registerer = r, registry
	f := mustServeOn(t, mustOpen(t, db), func(c *httpapi.Config) {
		c.TracerProvider, c.Registerer, c.Gatherer = r, registry, registry
	})
	const sampled, other = "0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c"
	for id, flags := range map[string]string{sampled: "01", other: "00"} {
		f.do("PUT", "/keys/a", "1", "Traceparent: 00-"+id+"-b7ad6b7169203331-"+flags)
	}
	r.Await(t, "commit group", nil)
	shown := f.do("GET", "/metrics/prometheus", "", "Accept: application/openmetrics-text; version=1.0.0").body
	for _, name := range []string{"keyval_http_request_duration_seconds_bucket", "keyval_commit_operation_seconds_bucket", "keyval_commit_group_seconds_bucket"} {
		if !hasLine(shown, name, `trace_id="`+sampled+`"`) {
			t.Errorf("%s shows no trace", name)
		}
	}
	if strings.Contains(shown, other) {
		t.Error("a trace is shown that was not sampled")
	}
	if plain := f.do("GET", "/metrics/prometheus", "").body; strings.Contains(plain, sampled) {
		t.Error("the text format has exemplars, which it does not know")
	}
}

func hasLine(text string, parts ...string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

// BenchmarkTracing is BenchmarkHandler with a share of the requests traced. Nothing is
// exported; that is the exporter's.
func BenchmarkTracing(b *testing.B) {
	for _, share := range []float64{-1, 0, 0.01, 1} {
		name, provider := "off", trace.TracerProvider(nil)
		if share >= 0 {
			name = fmt.Sprint(share)
			provider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))))
		}
		b.Run(name, func(b *testing.B) { benchmarkTraced(b, provider) })
	}
}

func benchmarkTraced(b *testing.B, provider trace.TracerProvider) {
	db, err := sqldb.Open(b.Context(), sqldb.Config{PrimaryURL: "file:" + filepath.Join(b.TempDir(), "keyval.db"), TracerProvider: provider})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	api, err := httpapi.New(httpapi.Config{
		Store: kv.New(db, kv.Config{}), OperationTimeout: time.Minute, MaxValueBytes: 1 << 20, TracerProvider: provider})
	if err != nil {
		b.Fatal(err)
	}
	defer api.EndWaits()
	for _, method := range []string{"PUT", "GET"} {
		b.Run(strings.ToLower(method), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				api.ServeHTTP(w, httptest.NewRequest(method, "/keys/users/alice", strings.NewReader(`{"name":"alice"}`)))
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
