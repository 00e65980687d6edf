package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serveAnswer is a server that gives one answer to one route.
func serveAnswer(t *testing.T, route string, status int, body string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+route, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestCheckTellsWhetherANodeIsReady(t *testing.T) {
	tests := []struct {
		name           string
		status         int
		body           string
		code           int
		stdout, stderr string
	}{
		{"ready", 200, `{"ok":true}`, exitClean, "ready\n", ""},
		{"draining", 503, "{\"error\":\n\"draining\"}", exitFailure, "", "keyval: not ready: status 503: {\"error\": \"draining\"}\n"},
		{"no text", 502, "", exitFailure, "", "keyval: not ready: status 502: (empty answer)\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := serveAnswer(t, "/readyz", test.status, test.body)
			got := runCommand(t, nil, "check", "--url", server.URL)
			want := result{test.code, test.stdout, test.stderr}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestCheckAsksTheNodeThatTheEnvironmentNames(t *testing.T) {
	server := serveAnswer(t, "/readyz", 200, "")
	if got := runCommand(t, map[string]string{"KEYVAL_URL": server.URL}, "check"); got.code != exitClean {
		t.Errorf("got %+v, want exit code 0", got)
	}
}

func TestCheckFailsWhenNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	got := runCommand(t, nil, "check", "--url", strings.Replace(server.URL, "http://", "http://user:hush@", 1))
	if got.code != exitFailure || !strings.Contains(got.stderr, "does not answer: ") {
		t.Errorf("got %+v, want exit code 1 and a message", got)
	}
	if strings.Contains(got.stderr, "hush") {
		t.Errorf("the message holds the password: %s", got.stderr)
	}
}

func TestCheckDoesNotWaitForLongerThanItsTimeout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(server.Close)
	start := time.Now()
	got := runCommand(t, nil, "check", "--url", server.URL, "--timeout", "20ms")
	if took := time.Since(start); got.code != exitFailure || took > 4*time.Second {
		t.Errorf("got %+v after %v, want exit code 1 at once", got, took)
	}
}

func TestCheckVerifiesCertificatesUnlessToldOtherwise(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	if got := runCommand(t, nil, "check", "--url", server.URL, "--skip-verify"); got.code != exitClean {
		t.Errorf("with --skip-verify: got %+v, want exit code 0", got)
	}
	if got := runCommand(t, nil, "check", "--url", server.URL); got.code != exitFailure {
		t.Errorf("without --skip-verify: got %+v, want exit code 1", got)
	}
}
