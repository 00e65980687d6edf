package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
)

// mustBeRefused checks that a request is refused by a limit, and says so.
func (f *fixture) mustBeRefused(got reply, code api.Code, setting string) {
	f.t.Helper()
	if got.status != code.Status() || !strings.Contains(got.body, `"code":"`+string(code)+`"`) || !strings.Contains(got.body, setting) || got.header.Get("Retry-After") == "" {
		f.t.Errorf("got %d %s and Retry-After %q; want %s that names %s", got.status, got.body, got.header.Get("Retry-After"), code, setting)
	}
}

// occupy has n reads under way until the function is called, which waits for them.
func (f *fixture) occupy(n int) (free func()) {
	f.t.Helper()
	held := make(chan struct{})
	f.store.failBy(func(ctx context.Context) error {
		select {
		case <-held:
		case <-ctx.Done():
		}
		return nil
	})
	var reads sync.WaitGroup
	for range n {
		reads.Go(func() { f.do("GET", "/keys/a", "") })
	}
	await.That(f.t, "all of them are under way", func() bool { return f.underWay("ordinary") == n })
	return func() {
		close(held)
		reads.Wait()
		f.store.failWith(nil)
	}
}

// underWay is how many requests of a kind the metrics show.
func (f *fixture) underWay(kind string) (n int) {
	f.t.Helper()
	_, after, _ := strings.Cut(f.must("GET", "/metrics/prometheus", "").body, `keyval_http_requests_under_way{kind="`+kind+`"} `)
	if _, err := fmt.Sscan(after, &n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

func TestAFullNodeRefusesARequestBeforeItsBodyAndAnswersHealthAndAcks(t *testing.T) {
	t.Parallel()
	var store *faultyStore
	f := mustServeEverything(t, func(c *httpapi.Config) {
		store = &faultyStore{Store: c.Store}
		c.Store, c.Limits.Requests = store, 2
	})
	f.store = store
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	_, id, _ := strings.Cut(f.must("GET", "/queue/dequeue", "").body, `"id":"`)
	id, receipt, _ := strings.Cut(id, `"`)
	_, receipt, _ = strings.Cut(receipt, `"receipt":"`)
	receipt, _, _ = strings.Cut(receipt, `"`)

	free := f.occupy(2)
	for _, target := range []string{"/keys/a", "/keys/count", "/nothing", "/watched"} {
		f.mustBeRefused(f.do("GET", target, ""), api.Unavailable, "--max-requests ")
	}
	conn := f.mustSend("PUT /keys/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
	if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || answer.StatusCode != 503 {
		t.Errorf("without its body: got %v and %v, want 503", answer, err)
	}
	for _, target := range []string{"/healthz", "/readyz", "/metrics", "/metrics/prometheus", "/docs"} {
		f.must("GET", target, "")
	}
	f.must("POST", "/queue/extend/"+id+"?receipt="+receipt, "{}")
	f.must("POST", "/queue/nack/"+id, `{"delay":60000}`)
	f.must("POST", "/queue/ack/"+id, "")
	f.must("GET", "/queue/dequeue", "") // streams and polls have a bound of their own
	free()
	f.must("PUT", "/keys/a", "1")
	if got := f.must("GET", "/metrics/prometheus", "").body; !strings.Contains(got, `keyval_http_refused_total{limit="node_requests"} 5`) {
		t.Error("the refusals are not counted")
	}
}

func TestAnAddressThatAsksTooFastIsToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) {
		c.Limits.RatePerAddress = 0.001
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	const from = "X-Forwarded-For: 203.0.113.1, 198.51.100.7"
	for range 10 {
		f.must("GET", "/keys/count", "", from)
	}
	got := f.do("GET", "/keys/count", "", from)
	f.mustBeRefused(got, api.TooManyRequests, "--rate-limit-per-address")
	if wait := got.header.Get("Retry-After"); len(wait) < 3 {
		t.Errorf("got Retry-After %s, want about 1000", wait)
	}
	f.mustBeRefused(f.do("GET", "/queue/dequeue", "", from), api.TooManyRequests, "--rate-limit-per-address")
	f.must("GET", "/healthz", "", from)
	f.must("POST", "/queue/ack/01890000-0000-7000-8000-000000000000", "", from)
	f.must("GET", "/keys/count", "", "X-Forwarded-For: 198.51.100.8")
	f.must("GET", "/keys/count", "") // the proxy's own
}

func TestAStreamCountsUntilItEndsWhoeverHasItsConnection(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) { c.Limits.Streams, c.Limits.Requests = 2, 1 })
	for _, c := range []struct {
		client *http.Client
		target string
	}{
		{f.Client(), "/watch?keys=a"},
		{f.Client(), "/queue/listen"},
		{f.Client(), "/watch/poll?keys=a&wait=60000"},
		{http2Client(t), "/watch?keys=a"},
		{http2Client(t), "/watch/poll?keys=a&wait=60000"},
	} {
		ctx, end := context.WithCancel(t.Context())
		var open sync.WaitGroup
		for range 2 {
			open.Go(func() {
				request, err := http.NewRequestWithContext(ctx, "GET", f.URL+c.target, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if answer, err := c.client.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
			})
		}
		await.That(t, "both are open", func() bool { return f.underWay("waiting") == 2 })
		f.mustBeRefused(f.do("GET", c.target, ""), api.Unavailable, "--max-streams ")
		f.must("GET", "/keys/count", "")
		end()
		open.Wait()
		await.That(t, "there is room again", func() bool { return f.underWay("waiting") == 0 })
	}
}

func TestNobodyIsUnderWayAfterWhateverTheyDid(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) { c.Limits.Requests, c.Limits.Streams = 100, 100 })
	for _, row := range f.routes(t) {
		conn := f.mustSend(row.method + " " + row.target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
		_, _ = conn.Read(make([]byte, 1)) // an answer has begun
		_ = conn.Close()
	}
	await.That(t, "all are gone", func() bool {
		return f.underWay("ordinary")+f.underWay("waiting")+f.underWay("relieving") == 0 && f.underWay("operating") == 1
	})
}
