package httpapi_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/await"
)

// mustServeLimited serves everything with limits of connections.
func mustServeLimited(t *testing.T, total, each int, log io.Writer) (*fixture, *prometheus.Registry) {
	t.Helper()
	f, registry := mustServeEverything(t), prometheus.NewRegistry()
	server := httptest.NewUnstartedServer(f.api)
	limited, err := httpapi.LimitConnections(server.Listener, httpapi.ConnectionLimits{
		Total: total, PerAddress: each, Heads: 150_000, Plain: true, Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	server.Listener = limited
	server.Config = httpapi.NewServer(httpapi.ListenConfig{Handler: f.api})
	server.Start()
	t.Cleanup(server.Close)
	return &fixture{Server: server, t: t, api: f.api, store: f.store}, registry
}

// dialFrom connects from an address of this machine and sends a request.
func (f *fixture) dialFrom(ip, request string) (net.Conn, *http.Response) {
	f.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	conn, err := dialer.DialContext(f.t.Context(), "tcp", f.Listener.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, request+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		f.t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return conn, answer
}

func metric(t *testing.T, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestConnectionsBeyondTheLimitsAreRefusedAtOnceAndSaid(t *testing.T) {
	t.Parallel()
	var log record
	f, registry := mustServeLimited(t, 3, 2, &log)
	first, _ := f.dialFrom("127.0.0.1", "GET /healthz")
	stream, answer := f.dialFrom("127.0.0.1", "GET /watch?keys=a")
	if answer.StatusCode != 200 {
		t.Fatalf("the stream: got %s", answer.Status)
	}
	refused := func(ip, why string) {
		t.Helper()
		_, answer := f.dialFrom(ip, "GET /healthz")
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" || !strings.Contains(string(body), `"code":"unavailable"`) {
			t.Errorf("%s: got %s %s and %v, want 503 to be tried again", why, answer.Status, body, err)
		}
	}
	refused("127.0.0.1", "the third of one address")
	if _, answer := f.dialFrom("127.0.0.2", "GET /healthz"); answer.StatusCode != 200 {
		t.Errorf("another address: got %s, want 200", answer.Status)
	}
	refused("127.0.0.3", "the fourth of all")
	if got := metric(t, registry, "keyval_http_connections"); got != 3 {
		t.Errorf("%v connections are counted, want 3", got)
	}
	if got := metric(t, registry, "keyval_http_connections_refused_total"); got != 2 {
		t.Errorf("%v refusals are counted, want 2", got)
	}
	if got := strings.Count(log.String(), "connections are refused"); got != 1 {
		t.Errorf("refusals are logged %d times, want once in a minute", got)
	}
	// Places are given back, those of streams with connections of their own too.
	_, _ = first.Close(), stream.Close()
	await.That(t, "both have left", func() bool { return metric(t, registry, "keyval_http_connections") == 1 })
	if _, answer := f.dialFrom("127.0.0.1", "GET /healthz"); answer.StatusCode != 200 {
		t.Errorf("after that: got %s, want 200", answer.Status)
	}
}
