package httpapi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/node/nodetest"
)

func TestABrowsersEventSourceGoesOnByTicketsAsTheManualShows(t *testing.T) {
	all := newBearer("all", access.Scopes)
	web := newBearer("web", []access.Scope{access.Watch}, boundTo("mine"))
	f, _ := mustServeTo(t, all, web)
	proxy := nodetest.MustStartFaultProxy(t, f.Listener.Addr().String())
	browser := nodetest.MustStartBrowser(t)
	page, err := browser.Open(t.Context(), proxy.HTTPURL()+"/healthz")
	nodetest.Check(t, err)
	manual, err := os.ReadFile("../docs/access.md")
	nodetest.Check(t, err)
	_, script, _ := strings.Cut(string(manual), "```js\n")
	script, _, found := strings.Cut(script, "```\n")
	if !found {
		t.Fatal("docs/access.md shows no script")
	}
	nodetest.Check(t, page.Eval(t.Context(), `(() => {
		window.token = "`+web.secret+`"; window.seen = []
		`+script+`
		follow("mine", e => seen.push(...JSON.parse(e.data).map(entry => entry.value)))
	})()`, nil))
	f.must("PUT", "/keys/mine/a", "1", all.header())
	nodetest.Check(t, page.WaitFor(t.Context(), `seen.includes(1)`))
	// The browser connects again by itself, with the ticket that it has used.
	proxy.CutConnections()
	f.must("PUT", "/keys/mine/a", "2", all.header())
	nodetest.Check(t, page.WaitFor(t.Context(), `seen.includes(2)`))
}
