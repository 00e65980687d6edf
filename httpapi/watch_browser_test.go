package httpapi_test

import (
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

func TestABrowsersEventSourceIsCutAndResumes(t *testing.T) {
	f := mustServeWatch(t)
	proxy := nodetest.MustStartFaultProxy(t, f.Listener.Addr().String())
	browser := nodetest.MustStartBrowser(t)
	page, err := browser.Open(t.Context(), proxy.HTTPURL()+"/healthz")
	nodetest.Check(t, err)
	run := func(script string) {
		t.Helper()
		nodetest.Check(t, page.Eval(t.Context(), script, nil))
	}
	wait := func(condition string) {
		t.Helper()
		nodetest.Check(t, page.WaitFor(t.Context(), condition))
	}
	run(`(() => {
		window.seen = []; window.opened = 0; window.resets = 0
		window.source = new EventSource("/watch?keys=a&initial=true")
		source.onopen = () => opened++
		source.addEventListener("change", e => seen.push(JSON.parse(e.data)[0].value))
		source.addEventListener("reset", e => resets++)
	})()`)
	wait(`opened === 1 && seen.length === 1 && seen[0] === null`)
	f.put("a", "1")
	wait(`seen.length === 2`)

	proxy.CutConnections()
	f.put("a", "2") // while nobody is connected
	wait(`opened === 2 && seen.length === 3`)
	f.put("a", "3")
	wait(`seen.join() === ",1,2,3"`)

	// A restored database resets the source, which then begins anew by itself.
	if _, err := f.db.RaiseIncarnation(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.put("a", "4")
	wait(`resets === 1 && opened === 3 && seen.at(-1) === 4`)
}
