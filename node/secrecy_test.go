package node_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// What a node writes is read by more people than may read its data, and kept for longer.
// So a node is given secrets that can be recognised, everything is asked of it, everything
// goes wrong, and all that it has written is searched for them.

// The secrets that a caller brings or reads, and those of the node itself.
var (
	hushValue       = "hush-value-5d1c"
	hushKey         = "hush-key-81af" // in a body or a query; paths are in traces and with failures
	hushQuery       = "hush-query-b27e"
	hushToken       = "keyval_hushid_hush-token-93bd"
	hushTicket      = "hush-ticket-4c6a"
	hushIdempotency = "hush-idempotency-e05f"
	hushText        = "hush-text-7712" // of a failed message
	hushDedupe      = "hush-dedupe-66b0"

	hushLibsql  = "hush-libsql-d3a9"
	hushGossip  = base64.StdEncoding.EncodeToString([]byte("hush-gossip-1234"))
	hushConfig  = "hush-config-2f58"
	hushUser    = "hush-user-aa41"
	hushWord    = "hush-word-0b95"
	hushInURL   = "hush-url-c7d2"
	secretsOnly = []string{
		hushValue, hushToken, "hush-token-93bd", hushTicket, hushIdempotency, hushText,
		hushLibsql, hushGossip, "hush-gossip", hushConfig, hushUser, hushWord, hushInURL,
	}
	hushed = append([]string{hushKey, hushQuery, hushDedupe}, secretsOnly...)
)

// A heard process is one whose whole output is kept.
type heard struct {
	cmd   *exec.Cmd
	url   string
	asked atomic.Int64

	mu   sync.Mutex // covers what follows
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// mustServeHeard runs a node that says as much as it can.
func mustServeHeard(t *testing.T, env []string, flags ...string) *heard {
	t.Helper()
	h := &heard{}
	port, err := nodetest.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	h.url = "http://" + port.Addr()
	args := append([]string{"serve", "--http-addr", port.Addr(), "--gossip-addr", "127.0.0.1:0", "--raft-addr", "127.0.0.1:0",
		"--log-level", "debug", "--log-format", "json", "--access-log", "--drain-delay", "0", "--operation-timeout", "5s"}, flags...)
	h.cmd = exec.CommandContext(t.Context(), keyval(t), args...)
	h.cmd.Dir = t.TempDir()
	h.cmd.Env = append(append(os.Environ(), "OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=100"), env...)
	h.cmd.Stdout, h.cmd.Stderr = h, h
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.cmd.Process.Kill() })
	await.That(t, "the node is alive", func() bool {
		answer, err := http.Get(h.url + "/healthz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return h
}

// mustEnd ends the node as an operator does, and returns all that it has written.
func (h *heard) mustEnd(t *testing.T) string {
	t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait() // a trace that could not be sent is no matter here
	return h.String()
}

// wantNone wants none of the secrets in a text.
func wantNone(t *testing.T, secrets []string, what, text string) {
	t.Helper()
	for _, secret := range secrets {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%s has %s: …%s…", what, secret, text[max(0, i-200):min(len(text), i+200)])
		}
	}
}

// ask sends a request with all the secrets that one can have beside what is asked, and
// returns the answer; of a stream, the beginning.
func (h *heard) ask(t *testing.T, method, target, body string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, h.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+hushToken)
	request.Header.Set("Cookie", "token="+hushToken)
	if !strings.HasPrefix(target, "/queue/ack") && method != http.MethodGet {
		request.Header.Set("Idempotency-Key", fmt.Sprint(hushIdempotency, h.asked.Add(1)))
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer response.Body.Close()
	if response.Header.Get("Content-Type") == "text/event-stream" {
		return response.StatusCode, ""
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return response.StatusCode, string(text)
}

// An openRoute is a route as the document describes it.
type openRoute struct {
	method, target string
	queries        []string
	streams        bool
}

// mustRoutes are all routes that the node's own document has.
func (h *heard) mustRoutes(t *testing.T) (routes []openRoute) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
			Responses  map[string]struct{ Content map[string]any }
		}
	}
	_, text := h.ask(t, http.MethodGet, "/openapi.json", "")
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{key}", "a", "{id}", "01890000-0000-7000-8000-000000000000")
	for template, methods := range document.Paths {
		for method, route := range methods {
			row := openRoute{method: strings.ToUpper(method), target: fill.Replace(template)}
			_, row.streams = route.Responses["200"].Content["text/event-stream"]
			for _, p := range route.Parameters {
				if p.In == "query" {
					row.queries = append(row.queries, p.Name)
				}
			}
			routes = append(routes, row)
		}
	}
	if len(routes) < 40 {
		t.Fatalf("the document has %d routes", len(routes))
	}
	return routes
}

// hushBodies are bodies that few routes take as they are: no JSON, the wrong types, and
// such as are right up to the last member.
var hushBodies = []string{
	"", hushValue, `"` + hushValue + `"`, `{"` + `value":"` + hushValue, `["` + hushValue + `"]`,
	`{"value":"` + hushValue + `"}`, `{"keys":"` + hushKey + `"}`, `{"keys":[["` + hushKey + `",null]]}`, `{"prefix":"` + hushKey + `"}`,
	`{"prefix":["` + hushKey + `"],"where":{"` + `$hush":1}}`, `{"where":{"a":{"$eq":"` + hushValue + `"}}}`, `{"cursor":"` + hushKey + `"}`, `{"receipt":"` + hushKey + `","id":"` + hushKey + `","lock":1000}`,
	`{"checks":[{"key":["` + hushKey + `"],"versionstamp":"` + hushKey + `"}]}`,
	`{"mutations":[{"type":"sum","key":["` + hushKey + `"],"value":"` + hushValue + `"}]}`,
	`{"mutations":[{"type":"append","key":["` + hushKey + `"],"value":["` + hushValue + `"]}],"enqueue":[{"value":"` + hushValue + `","options":{"delay":-1}}]}`,
	`{"value":"` + hushValue + `","options":{"queue":"` + hushKey + ` !"}}`,
}

// provoke asks every route for what is right and for much that is not.
func (h *heard) provoke(t *testing.T, routes []openRoute, bodies []string) {
	t.Helper()
	for _, r := range routes {
		queries := []string{"", "?ticket=" + hushTicket, "?" + hushQuery + "=1"}
		for _, name := range r.queries {
			queries = append(queries, "?"+name+"="+url.QueryEscape(hushQuery+" %zz"))
		}
		for _, query := range queries {
			status, answer := h.ask(t, r.method, r.target+query, "")
			if status >= 400 {
				wantNone(t, secretsOnly, r.method+" "+r.target, answer)
			}
		}
		if r.method == http.MethodGet {
			continue
		}
		for _, body := range bodies {
			status, answer := h.ask(t, r.method, r.target, body)
			if status >= 400 {
				wantNone(t, secretsOnly, r.method+" "+r.target+" "+body, answer)
			}
		}
	}
}

// work has the node do what it is for, all of it with secrets, and returns the receipts.
func (h *heard) work(t *testing.T) (receipts []string) {
	t.Helper()
	must := func(want int, method, target, body string) string {
		t.Helper()
		status, answer := h.ask(t, method, target, body)
		if status != want {
			t.Fatalf("%s %s: got %d %s, want %d", method, target, status, answer, want)
		}
		return answer
	}
	value := `"` + hushValue + `"`
	must(200, "PUT", "/keys/a", value)
	must(200, "GET", "/keys/a", "")
	must(400, "POST", "/atomic", `{"mutations":[{"type":"sum","key":["a"],"value":1}]}`) // a is no number
	must(200, "POST", "/atomic", `{"mutations":[{"type":"set","key":["`+hushKey+`"],"value":`+value+`}],"enqueue":[{"value":`+value+`}]}`)
	for range 3 {
		must(200, "POST", "/queue/enqueue", fmt.Sprintf(`{"value":%s,"options":{"dedupeId":"%s","maxAttempts":1,"keysIfUndelivered":[["%s"]]}}`, value, hushDedupe, hushKey))
	}
	for {
		var taken struct {
			Message *struct{ ID, Receipt string }
		}
		if err := json.Unmarshal([]byte(must(200, "GET", "/queue/dequeue?lock=60000", "")), &taken); err != nil {
			t.Fatal(err)
		}
		if taken.Message == nil {
			return receipts
		}
		receipts = append(receipts, taken.Message.Receipt)
		must(409, "POST", "/queue/ack/"+taken.Message.ID+"?receipt="+url.QueryEscape("1.a."+taken.Message.Receipt), "")
		must(200, "POST", "/queue/extend/"+taken.Message.ID, `{"receipt":"`+taken.Message.Receipt+`","lock":60000}`)
		must(200, "POST", "/queue/nack/"+taken.Message.ID+"?receipt="+url.QueryEscape(taken.Message.Receipt), `{"error":"`+hushText+`"}`)
	}
}

func TestNothingThatANodeWritesHasASecretOrAValue(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	config := filepath.Join(t.TempDir(), "keyval.jsonc")
	if err := os.WriteFile(config, []byte(`{
		// `+hushConfig+`
		"libsqlUrl": "http://`+hushUser+`:`+hushWord+`@`+primary.Addr()+`",
		"libsqlTocken": "`+hushConfig+`",
		"unknown": {"`+"password"+`": "`+hushConfig+`"},
	}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h := mustServeHeard(t, []string{"LIBSQL_TOKEN=" + hushLibsql, "KEYVAL_GOSSIP_KEY=" + hushGossip, "KEYVAL_TOKEN=" + hushToken}, "--config", config)
	await.That(t, "the node is ready", func() bool {
		status, _ := h.ask(t, "GET", "/readyz", "")
		return status == 200
	})
	routes := h.mustRoutes(t)
	secrets := append(h.work(t), hushed...)
	if len(secrets) <= len(hushed) {
		t.Fatal("no message has been taken")
	}
	h.provoke(t, routes, hushBodies)
	for _, target := range []string{"/metrics", "/metrics/prometheus", "/cluster", "/readyz", "/docs", "/openapi.json"} {
		_, answer := h.ask(t, "GET", target, "")
		wantNone(t, secrets, target, answer)
	}
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	var answering []openRoute
	for _, r := range routes {
		if !r.streams { // those wait for the database
			r.queries = nil // which are refused before it is asked
			answering = append(answering, r)
		}
	}
	h.provoke(t, answering, []string{`{"value":"` + hushValue + `"}`, `{"keys":[["` + hushKey + `"]]}`, `{"mutations":[{"type":"set","key":["` + hushKey + `"],"value":"` + hushValue + `"}]}`})
	for _, target := range []string{"/metrics", "/metrics/prometheus", "/cluster", "/readyz"} {
		_, answer := h.ask(t, "GET", target, "")
		wantNone(t, secrets, target, answer)
	}
	said := h.mustEnd(t)
	wantNone(t, secrets, "what the node has written", said)
	for _, part := range []string{`"msg":"request"`, `"msg":"request failed"`, `"level":"DEBUG"`, `"SpanContext"`, "keyval: serving on"} {
		if !strings.Contains(said, part) {
			t.Errorf("the node has not written %s, so that this test sees less than it means to", part)
		}
	}
}
