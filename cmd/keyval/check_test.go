package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/node/nodetest"
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
			got := runCommand(t, nil, "check", "--url", server.URL, "--timeout", "1m")
			want := result{test.code, test.stdout, test.stderr}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestCheckAsksTheNodeThatTheEnvironmentNames(t *testing.T) {
	server := serveAnswer(t, "/readyz", 200, "")
	if got := runCommand(t, map[string]string{"KEYVAL_URL": server.URL}, "check", "--timeout", "1m"); got.code != exitClean {
		t.Errorf("got %+v, want exit code 0", got)
	}
}

func TestCheckFailsWhenNobodyAnswers(t *testing.T) {
	got := runCommand(t, nil, "check", "--url", "http://user:hush@"+nodetest.MustReserveAddr(t), "--timeout", "1m")
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
	quickest := time.Hour
	for tries := 0; tries < 5 && quickest > 4*time.Second; tries++ { // it is 5 s by default
		start := time.Now()
		if got := runCommand(t, nil, "check", "--url", server.URL, "--timeout", "20ms"); got.code != exitFailure {
			t.Errorf("got %+v, want exit code 1", got)
		}
		quickest = min(quickest, time.Since(start))
	}
	if quickest > 4*time.Second {
		t.Errorf("it took %v each time, want 20 ms", quickest)
	}
}

func TestCheckVerifiesCertificatesUnlessToldOtherwise(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	if got := runCommand(t, nil, "check", "--url", server.URL, "--timeout", "1m", "--skip-verify"); got.code != exitClean {
		t.Errorf("with --skip-verify: got %+v, want exit code 0", got)
	}
	if got := runCommand(t, nil, "check", "--url", server.URL, "--timeout", "1m"); got.code != exitFailure {
		t.Errorf("without --skip-verify: got %+v, want exit code 1", got)
	}
}

func TestCommandsSendTheirTokenAndToNobodyElse(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/moved/readyz" {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(node.Close)
	env := map[string]string{"KEYVAL_TOKEN": "hush\n"} // as a file has it
	if got := runCommand(t, env, "check", "--timeout", "1m", "--url", node.URL); got.code != exitClean {
		t.Errorf("got %+v, want exit code 0", got)
	}
	if got := runCommand(t, nil, "check", "--timeout", "1m", "--url", node.URL, "--token", "hush"); got.code != exitClean {
		t.Errorf("by the flag: got %+v, want exit code 0", got)
	}
	got := runCommand(t, env, "check", "--timeout", "1m", "--url", node.URL+"/moved")
	if got.code != exitFailure || elsewhere.Load() != 0 {
		t.Errorf("got %+v and %d requests elsewhere, want exit code 1 and none", got, elsewhere.Load())
	}
	if strings.Contains(got.stderr, "hush") {
		t.Errorf("the message holds the token: %s", got.stderr)
	}
}
