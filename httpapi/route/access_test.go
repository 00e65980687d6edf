package route

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ignoring takes every record and does nothing with it.
type ignoring struct{ slog.Handler }

func (ignoring) Enabled(context.Context, slog.Level) bool { return true }

// accessEndpoint serves a route that does nothing.
func accessEndpoint(t *testing.T, accessLog bool) http.HandlerFunc {
	t.Helper()
	f, err := New(Config{
		OperationTimeout: time.Minute, Registerer: prometheus.NewRegistry(),
		AccessLog: accessLog, Logger: slog.New(ignoring{slog.DiscardHandler}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f.Endpoint(&Route{
		Method: "PUT", Pattern: "/keys/{key}", Op: "put", Tag: &Tag{}, Body: &Body{MaxBytes: 100},
		Serve: func(_ context.Context, c *Call) error {
			_, err := c.ReadBody()
			return err
		},
	}, &Dialect{})
}

// Not parallel: what others allocate would count.
func TestTheAccessLogTakesAtMostTwoAllocations(t *testing.T) {
	allocations := func(serve http.HandlerFunc) float64 {
		return testing.AllocsPerRun(1000, func() {
			serve(httptest.NewRecorder(), httptest.NewRequest("PUT", "/keys/a", strings.NewReader("1")))
		})
	}
	off, on := allocations(accessEndpoint(t, false)), allocations(accessEndpoint(t, true))
	t.Logf("off %.0f, on %.0f", off, on)
	if on-off > 2 {
		t.Errorf("without an access log a request makes %.0f allocations and with it %.0f, want 2 more at most", off, on)
	}
}
