package nodetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

const eventPage = `<!doctype html><title>waiting</title><script>
window.seen = [];
console.log("page", 1);
const source = new EventSource("/events");
source.onmessage = event => {
  seen.push(event.lastEventId + ":" + event.data);
  if (seen.length === 3) {
    source.close();
    document.title = "done";
  }
};
</script>`

// eventServer serves a page that listens to events, and the events: one a
// connection, numbered after the last one that the client has seen.
func eventServer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, eventPage) })
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "retry: 1\nid: %sx\ndata: event\n\n", r.Header.Get("Last-Event-ID"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestABrowserReceivesEventsAndResumesAfterEachCut(t *testing.T) {
	t.Parallel()
	browser := nodetest.MustStartBrowser(t)
	page, err := browser.Open(t.Context(), eventServer(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = page.Close() }()
	if err := page.WaitFor(t.Context(), `document.title === "done"`); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := page.Eval(t.Context(), "seen", &got); err != nil {
		t.Fatal(err)
	}
	if want := "x:event xx:event xxx:event"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	await.That(t, "the console has the page's line", func() bool {
		return strings.Contains(page.Console(), "log: page 1\n")
	})
}

func TestAConditionThatNeverHoldsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	browser := nodetest.MustStartBrowser(t)
	page, err := browser.Open(t.Context(), "data:text/html,<script>console.log('why'); throw new Error('broken')</script>")
	if err != nil {
		t.Fatal(err)
	}
	await.That(t, "the console has what the page did", func() bool {
		return strings.Contains(page.Console(), "why") && strings.Contains(page.Console(), "broken")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = page.WaitFor(ctx, "false")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "why") || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v, want %v with the page's console", err, context.DeadlineExceeded)
	}
	var got int
	if err := page.Eval(t.Context(), "Promise.resolve(1 + 1)", &got); err != nil || got != 2 {
		t.Errorf("the page after that: got %d, error %v; want 2", got, err)
	}
	if err := page.Eval(t.Context(), "nothing.there", nil); err == nil || !strings.Contains(err.Error(), "ReferenceError") {
		t.Errorf("got %v, want a ReferenceError", err)
	}
	for range 2 {
		if err := browser.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAPageThatCannotBeLoadedIsAnError(t *testing.T) {
	t.Parallel()
	browser := nodetest.MustStartBrowser(t)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := browser.Open(t.Context(), server.URL); err == nil || !strings.Contains(err.Error(), "ERR_CONNECTION_REFUSED") {
		t.Errorf("got %v, want ERR_CONNECTION_REFUSED", err)
	}
}
