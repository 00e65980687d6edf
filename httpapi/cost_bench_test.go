package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// BenchmarkCost is what a token and a trace add to a GET: processor time of the process,
// counted and not timed, in batches that take turns, so that a machine that is busy or
// changes its speed does it to all of them. The figures are percent over the first, the
// median of all turns, and allocations for a request.
func BenchmarkCost(b *testing.B) {
	token := newBearer("web", []access.Scope{access.Read})
	bound := newBearer("bound", []access.Scope{access.Read}, boundTo("users"))
	sampled := func(share float64) trace.TracerProvider {
		return sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))))
	}
	variants := []*costly{
		{name: "plain"},
		{name: "token", bearer: &token},
		{name: "bound", bearer: &bound},
		{name: "traced-1", provider: sampled(0.01)},
		{name: "traced-100", provider: sampled(1)},
		{name: "slow-log", slow: time.Second},
		{name: "plain-again"},
	}
	for _, v := range variants {
		v.open(b)
	}
	for b.Loop() {
		for _, v := range variants {
			v.turn(b)
		}
	}
	for _, v := range variants {
		b.ReportMetric(float64(testing.AllocsPerRun(500, func() { v.get(b) })), "allocs-"+v.name)
		if v != variants[0] {
			b.ReportMetric(v.over(variants[0]), "%-"+v.name)
		}
	}
}

type costly struct {
	name     string
	bearer   *bearer
	provider trace.TracerProvider
	slow     time.Duration
	api      *httpapi.Server
	turns    []float64
}

func (v *costly) open(b *testing.B) {
	db, err := sqldb.Open(b.Context(), sqldb.Config{PrimaryURL: "file:" + filepath.Join(b.TempDir(), "keyval.db"), TracerProvider: v.provider, SlowOperation: v.slow})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	authority := new(access.Authority)
	if v.bearer != nil {
		admit(authority, *v.bearer)
	}
	v.api, err = httpapi.New(httpapi.Config{
		Store: kv.New(db, kv.Config{}), Authority: authority, TracerProvider: v.provider, OperationTimeout: time.Minute, MaxValueBytes: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(v.api.EndWaits)
}

// get asks for one entry that is not there: what the entry costs is the same for all.
func (v *costly) get(b *testing.B) {
	r := httptest.NewRequest("GET", "/keys/users/alice", nil)
	secret := "none"
	if v.bearer != nil {
		secret = v.bearer.secret
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	v.api.ServeHTTP(w, r)
	if w.Code != http.StatusNotFound {
		b.Fatalf("%s: %d %s", v.name, w.Code, w.Body)
	}
}

func (v *costly) turn(b *testing.B) {
	const batch = 300
	begun := processorTime(b)
	for range batch {
		v.get(b)
	}
	v.turns = append(v.turns, float64(processorTime(b)-begun))
}

// over is how much more it costs than another, in percent, turn by turn.
func (v *costly) over(other *costly) float64 {
	var all []float64
	for i, t := range v.turns {
		all = append(all, 100*(t/other.turns[i]-1))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
