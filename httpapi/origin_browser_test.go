package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/node/nodetest"
)

// attacks are what a page can try without asking: each resolves when the browser has
// an answer, whatever it is.
const attacks = `(async target => {
	const text = {method: "POST", headers: {"Content-Type": "text/plain"}, mode: "no-cors"}
	const seen = []
	const attempt = async (path, init) => {
		const answer = await fetch(target + path, init)
		seen.push(answer.type === "opaque" ? "opaque" : answer.status)
	}
	await attempt("/atomic", {...text, body: '{"mutations":[{"type":"set","key":["attacked"],"value":1}]}'})
	await attempt("/keys/delete-batch", {...text, body: '{"keys":[["kept"]]}'})
	await attempt("/queue/enqueue", {...text, body: '{"value":"attack"}'})
	await attempt("/queue/dequeue", {mode: "no-cors"})
	await attempt("/_/plugin-keyval/queue/poll", {mode: "no-cors"})
	await new Promise(done => { const image = new Image(); image.onerror = image.onload = done; image.src = target + "/queue/dequeue" })
	await new Promise(done => {
		const source = new EventSource(target + "/queue/listen")
		source.onerror = () => { source.close(); done() }
		source.onopen = () => { seen.push("a stream"); source.close(); done() }
	})
	await new Promise(done => {
		const frame = document.createElement("iframe")
		frame.name = "answer"
		document.body.append(frame)
		const form = document.createElement("form")
		Object.assign(form, {method: "post", enctype: "text/plain", action: target + "/atomic", target: "answer"})
		const field = document.createElement("input")
		field.name = '{"mutations":[{"type":"set","key":["attacked"],"value":"'
		field.value = '"}]}'
		form.append(field)
		document.body.append(form)
		frame.onload = () => { try { frame.contentDocument.URL } catch { } ; if (window.posted) done() }
		window.posted = true
		form.submit()
	})
	return seen.join()
})`

// writes are what a page of the API's own origin, or of one that is allowed, does.
const writes = `(async target => {
	const put = await fetch(target + "/keys/page", {method: "PUT", body: '{"by":"page"}', headers: {"Idempotency-Key": "k" + origin, "Content-Type": "application/json"}})
	const taken = await (await fetch(target + "/queue/dequeue?lock=60000")).json()
	const acked = await fetch(target + "/queue/ack/" + taken.message.id, {method: "POST"})
	const events = new EventSource(target + "/queue/listen?queue=other")
	await new Promise((done, failed) => { events.onopen = done; events.onerror = failed })
	events.close()
	return [put.status, put.headers.get("Keyval-Versionstamp").length, put.headers.get("ETag").length, acked.status, taken.message.value].join()
})`

// mustServePages serves a page of another origin: another port is another origin.
func mustServePages(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>elsewhere</title><body>"))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestABrowserLetsNoOtherOriginWriteOrTake(t *testing.T) {
	elsewhere, friendly := mustServePages(t), mustServePages(t)
	f := mustServeEverything(t, func(c *httpapi.Config) { c.Loopback, c.CORSOrigins = true, []string{friendly.URL} })
	f.must("PUT", "/keys/kept", "1")
	f.must("POST", "/queue/enqueue", `{"value":"first"}`)
	f.must("POST", "/queue/enqueue", `{"value":"second"}`)
	browser := nodetest.MustStartBrowser(t)
	eval := func(page, script, target string) string {
		t.Helper()
		p, err := browser.Open(t.Context(), page)
		nodetest.Check(t, err)
		var result string
		nodetest.Check(t, p.Eval(t.Context(), script+`("`+target+`")`, &result))
		nodetest.Check(t, p.Close())
		return result
	}

	// By the same address and by a name of loopback, which is another site.
	named := strings.Replace(f.URL, "127.0.0.1", "localhost", 1)
	for _, target := range []string{f.URL, named} {
		if got, want := eval(elsewhere.URL, attacks, target), "opaque,opaque,opaque,opaque,opaque"; got != want {
			t.Errorf("attacks on %s: got %s, want %s", target, got, want)
		}
	}
	if got := f.everything(); !strings.Contains(got, `"kept"`) || strings.Contains(got, "attacked") {
		t.Errorf("after the attacks the entries are %s", got)
	}
	if got, want := f.must("GET", "/queue/stats", "").body, `{"pending":2,"delayed":0,"processing":0,"dlq":0,"total":2,`; !strings.HasPrefix(got, want) {
		t.Errorf("after the attacks the queue is %s, want %s", got, want)
	}

	if got, want := eval(f.URL+"/openapi.json", writes, ""), "200,20,22,200,first"; got != want {
		t.Errorf("a page of the same origin: got %s, want %s", got, want)
	}
	if got, want := eval(friendly.URL, writes, f.URL), "200,20,22,200,second"; got != want {
		t.Errorf("a page that is allowed: got %s, want %s", got, want)
	}
}
