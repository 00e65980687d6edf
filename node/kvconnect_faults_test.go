package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// What Deno's programs notice when something dies: nothing. Deno and npm's client repeat
// what is answered with 5xx, and Deno what is cut, too, so the balancer and the nodes must
// not say anything else.

func TestADenoProgramDoesNotNoticeThatANodeIsKilled(t *testing.T) {
	t.Parallel()
	endures(t, func(d *deployment, goesOn func()) {
		for _, n := range d.nodes {
			nodetest.Check(t, n.Kill())
			for range 3 { // an answer other than 200 to the first question would end it
				compare(t, runProgram(t, nodetest.Deno, "visit", d.url()), [][2]string{{"read", "null"}})
			}
			goesOn()
			nodetest.Check(t, n.Start(t.Context()))
			await.That(t, "the balancer knows that it is back", func() bool { return ready(t.Context(), n.URL()) })
			d.awaitUp(t)
			goesOn()
		}
	})
}

func TestADenoProgramDoesNotNoticeThatThePrimaryIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	endures(t, func(d *deployment, goesOn func()) {
		plain := newPlain(t, d.nodes[0].URL())
		for range 2 {
			nodetest.Check(t, d.sqld.Primary.Kill())
			await.That(t, "a write is refused", func() bool { return plain.put(t.Context(), "other", 1) != nil })
			nodetest.Check(t, d.sqld.Primary.Start(t.Context()))
			goesOn()
		}
	})
}

// endures has a program under each runtime do all that it can, while harm is done.
func endures(t *testing.T, harm func(d *deployment, goesOn func())) {
	t.Helper()
	d := deploy(t, keyval(t))
	for _, runtime := range runtimes {
		process := startProgram(t, runtime, "endure", nil, d.url())
		goesOn := func() {
			t.Helper()
			before := requestsOf(process)
			await.That(t, "it gets answers", func() bool { return requestsOf(process) >= before+200 }, process.Logs)
		}
		goesOn()
		harm(d, goesOn)
		d.put(t, api.Key{"endure", "stop"}, "true")
		mustEnd(t, process)
		for _, want := range [][2]string{
			{"errors", "[]"}, {"many were cut", "false"}, {"lost", "[]"}, {"increments lost", "false"}, {"the watch saw something", "true"}, {"ended", "true"},
		} {
			if got := lastResult(process, want[0]); got != want[1] {
				t.Errorf("%s, under %s: got %s, want %s", want[0], runtime, got, want[1])
			}
		}
		d.forget(t, "endure")
	}
}

// requestsOf is how many of its requests have been answered.
func requestsOf(process *nodetest.Process) int {
	n, _ := strconv.Atoi(lastResult(process, "answered"))
	return n
}

func lastResult(process *nodetest.Process, what string) (result string) {
	for _, line := range nodetest.KVLines(process.Logs()) {
		if line[0] == what {
			result = line[1]
		}
	}
	return result
}

// awaitUp waits until the balancer sends requests to all nodes.
func (d *deployment) awaitUp(t *testing.T) {
	t.Helper()
	for _, n := range d.nodes {
		await.That(t, "the balancer gives the node requests", func() bool { return d.upAt(t, n) })
	}
}

func TestMetadataIsAskedForAgainBeforeItExpires(t *testing.T) {
	t.Parallel()
	n := nodetest.MustStartNodeProcess(t, nodetest.ServeConfig{Binary: keyval(t), Dir: t.TempDir()})
	for runtime, life := range map[nodetest.KVRuntime]time.Duration{
		nodetest.Deno: 11 * time.Second,  // it asks when 10 s are left
		nodetest.Node: 200 * time.Second, // it asks when 5 minutes are left
	} {
		t.Run(string(runtime), func(t *testing.T) {
			s := &shortener{life: life}
			process := startProgram(t, runtime, "refresh", nil, s.serve(t, n.URL()))
			await.That(t, "it asks again, and goes on with what it gets", func() bool { return s.newest.Load() >= 5 }, process.Logs)
			for _, line := range nodetest.KVLines(process.Logs()) {
				if line != [2]string{"read", "true"} {
					t.Errorf("it prints %q", line)
				}
			}
		})
	}
}

// A shortener is a proxy that has metadata expire soon, and gives each answer's token a
// name, so that it sees which of them is used.
type shortener struct {
	life   time.Duration
	mu     sync.Mutex
	tokens []string     // by the number that is their name
	newest atomic.Int64 // number of the newest one that came with a request for data
}

// serve returns the proxy's URL, until the test ends.
func (s *shortener) serve(t *testing.T, target string) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // endpoints may be named after it
			s.unname(r.Out)
		},
		ModifyResponse: s.shorten,
	}
	server := httptest.NewUnstartedServer(proxy)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// unname puts the token itself in place of its name.
func (s *shortener) unname(r *http.Request) {
	var number int64
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer token-%d", &number); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Header.Set("Authorization", "Bearer "+s.tokens[number])
	s.newest.Store(max(s.newest.Load(), number))
}

// shorten changes metadata: when it expires, and the token to its name.
func (s *shortener) shorten(r *http.Response) error {
	if r.Request.URL.Path != "/" {
		return nil
	}
	var metadata map[string]any
	if err := json.NewDecoder(r.Body).Decode(&metadata); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token, _ := metadata["token"].(string)
	metadata["token"] = fmt.Sprint("token-", len(s.tokens))
	s.tokens = append(s.tokens, token)
	metadata["expiresAt"] = time.Now().UTC().Add(s.life).Format(time.RFC3339)
	body, err := json.Marshal(metadata)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return err
}
