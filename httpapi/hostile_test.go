package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// mustListen serves the fixture's API once more, with a server of its own.
func (f *fixture) mustListen(cfg httpapi.ListenConfig) *fixture {
	f.t.Helper()
	if cfg.Handler == nil {
		cfg.Handler = f.api
	}
	server := httptest.NewUnstartedServer(cfg.Handler)
	server.Listener = smallBuffers{server.Listener}
	server.Config = httpapi.NewServer(cfg)
	server.Start()
	f.t.Cleanup(server.Close)
	return &fixture{Server: server, t: f.t, api: f.api, store: f.store}
}

// smallBuffers has connections whose sender is soon told that nobody reads.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
}

// mustDial connects to the API. Nothing takes longer than the test may.
func (f *fixture) mustDial() net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// mustSend sends text, which is a request or the beginning of one.
func (f *fixture) mustSend(text string) net.Conn {
	f.t.Helper()
	conn := f.mustDial()
	if _, err := io.WriteString(conn, text); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// http2Client has one connection, HTTP/2 without TLS, as Deno does.
func http2Client(t *testing.T) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, MaxConnsPerHost: 1, HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// waitingTargets are routes that wait, without what they wait for.
var waitingTargets = []string{
	"/queue/dequeue?wait=60000", "/queue/poll", "/queue/listen", "/watch?keys=a", "/watch/prefix?prefix=a",
	"/watch/poll?keys=a", "/watch/prefix/poll?prefix=a",
}

func TestABodyThatNeverComesDoesNotKeepARouteThatWaits(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t).mustListen(httpapi.ListenConfig{ReadTimeout: time.Second})
	for _, target := range waitingTargets {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			f.neverSendABody(t, target)
		})
	}
}

func (f *fixture) neverSendABody(t *testing.T, target string) {
	t.Helper()
	for _, announced := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		await.That(t, "the head is read in time", func() bool {
			conn := f.mustSend("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + announced + "\r\n\r\n")
			answer, err := io.ReadAll(conn)
			if len(answer) == 0 {
				return false // a slow machine has not had the time for the head either
			}
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
				t.Errorf("%s, %s: got %q and %v, want 400 and the end", target, announced, answer, err)
			}
			return true
		})
	}
	await.That(t, "the head is read in time over HTTP/2", func() bool {
		body, never := io.Pipe()
		defer func() { _ = never.Close() }()
		request, err := http.NewRequestWithContext(t.Context(), "GET", f.URL+target, body)
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = 1000
		answer, err := http2Client(t).Do(request)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 400 {
			t.Errorf("%s over HTTP/2: got %d, want 400", target, answer.StatusCode)
		}
		return true
	}, func() string { return target })
}

func TestALongBodyIsRefusedWhereNoneIsTakenAndAShortOneIsDropped(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	for size, want := range map[int]int{0: 200, 3: 200, 4096: 200, 4097: 413, 1_000_000: 413} {
		for _, head := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n", size), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size)} {
			body := strings.Repeat("x", size)
			if strings.HasPrefix(head, "Transfer") {
				if size == 0 {
					continue
				}
				body += "\r\n0\r\n\r\n"
			}
			conn := f.mustDial()
			go func() { _, _ = io.WriteString(conn, "GET /queue/dequeue HTTP/1.1\r\nHost: x\r\n"+head+body) }()
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != want {
				t.Errorf("%d bytes, %.10s: got %d, want %d", size, head, answer.StatusCode, want)
			}
		}
	}
}

// A body that nobody reads hides from net/http that its sender has gone.
func TestWhoeverSendsABodyAndGoesAwayTakesNoMessage(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"} {
		f := mustServeEverything(t)
		conn := f.mustSend("GET /queue/dequeue?wait=60000 HTTP/1.1\r\nHost: x\r\n" + body)
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		await.That(t, "the node knows that the caller has gone", func() bool {
			return strings.Contains(f.do("GET", "/metrics/prometheus", "").body, `keyval_http_request_duration_seconds_count{method="GET",outcome="ok",route="/queue/dequeue"} 1`)
		})
		f.must("POST", "/queue/enqueue", `{"value":1}`)
		if got := f.must("GET", "/queue/dequeue", "").body; !strings.Contains(got, `"attempts":1,`) {
			t.Errorf("got %s, want the message, for the first time", got)
		}
	}
}

// What fits into the kernel's buffers is written, whoever reads it; so each asks until
// nothing fits any more.
func TestWhoeverNeverReadsIsCutOff(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) { c.CORSOrigins, c.Patience = []string{"https://app.example"}, time.Second })
	f.must("PUT", "/keys/a", `"`+strings.Repeat("x", 30_000)+`"`)
	quick := httpapi.ListenConfig{ReadTimeout: time.Second, OperationTimeout: time.Second, WriteGrace: time.Second}
	served := f.mustListen(quick)
	quick.Handler = httpapi.NewWaiting("", func() (check, why string) { return "database", "it is away" })
	waiting := f.mustListen(quick)
	for what, c := range map[string]struct {
		of      *fixture
		request string
	}{
		"an answer":               {served, "GET /keys/a"},
		"an error":                {served, "GET /keys/missing"},
		"a route that is not":     {served, "GET /" + strings.Repeat("missing", 20)},
		"metrics":                 {served, "GET /metrics"},
		"metrics as text":         {served, "GET /metrics/prometheus"},
		"the page":                {served, "GET /docs"},
		"the document":            {served, "GET /openapi.json"},
		"an empty queue":          {served, "GET /queue/dequeue"},
		"a preflight":             {served, "OPTIONS /keys/a"},
		"a node that is not open": {waiting, "GET /keys/a"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			conn := c.of.mustDial()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
			if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			requests := strings.Repeat(c.request+" HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n\r\n", 100)
			for {
				if _, err := io.WriteString(conn, requests); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("it is still connected after five minutes")
					}
					return
				}
			}
		})
	}
}

func TestWhoeverNeverReadsAStreamOverHTTP2IsCutOff(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) { c.Patience = time.Second }).mustListen(httpapi.ListenConfig{WriteGrace: time.Second})
	f.mustPutLarges(20, 19<<20)
	conn := f.mustSendHTTP2("/watch/prefix?prefix=large")
	await.That(t, "the stream has ended", func() bool { return f.api.MemoryInFlight() == 0 && f.api.OpenStreams() == 0 })
	_ = conn.Close()
}

// mustSendHTTP2 asks for something with all the room that flow control can give, so
// that only TCP holds the answer back.
func (f *fixture) mustSendHTTP2(targets ...string) net.Conn {
	f.t.Helper()
	text, err := nodetest.HTTP2Requests(targets...)
	if err != nil {
		f.t.Fatal(err)
	}
	conn := f.mustDial()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		f.t.Fatal(err)
	}
	if _, err := conn.Write(text); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// An upload is a body that has not come whole.
type upload struct {
	pipe   *io.PipeWriter
	answer chan *http.Response
}

// upload begins to send a body over HTTP/2. Its length is announced, or -1.
func (f *fixture) upload(client *http.Client, target string, length int64) *upload {
	f.t.Helper()
	body, pipe := io.Pipe()
	f.t.Cleanup(func() { _ = pipe.Close() })
	request, err := http.NewRequestWithContext(f.t.Context(), "PUT", f.URL+target, body)
	if err != nil {
		f.t.Fatal(err)
	}
	request.ContentLength = length
	u := &upload{pipe: pipe, answer: make(chan *http.Response, 1)}
	go func() {
		defer close(u.answer)
		answer, err := client.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			u.answer <- answer
		}
		_ = body.CloseWithError(context.Canceled) // who still writes is told
	}()
	return u
}

func TestUnfinishedBodiesOnOneConnectionHaveABudget(t *testing.T) {
	t.Parallel()
	const budget, bodies, size = 32 << 20, 80, 1 << 20
	for _, announced := range []int64{size, -1} {
		f := mustServe(t, func(c *httpapi.Config) { c.MaxMemoryInFlight = budget })
		client := http2Client(t)
		beginning := []byte(`"` + strings.Repeat("x", size-2))
		var uploads []*upload
		var sending sync.WaitGroup
		for i := range bodies {
			u := f.upload(client, fmt.Sprintf("/keys/%d", i), announced)
			uploads = append(uploads, u)
			sending.Go(func() { _, _ = u.pipe.Write(beginning) })
		}
		sending.Wait() // each has sent all but the end, or is refused
		if got := f.api.MemoryInFlight(); got > budget {
			t.Errorf("%d bytes are in flight, want at most %d", got, budget)
		}
		if got := f.do("GET", "/healthz", ""); got.status != 200 {
			t.Errorf("a health check: got %d, want 200", got.status)
		}
		if got := f.do("PUT", "/keys/small", "1"); got.status != 200 {
			t.Errorf("a small body: got %d, want 200", got.status)
		}
		stored, refused := 0, 0
		for _, u := range uploads {
			_, _ = u.pipe.Write([]byte(`"`))
			_ = u.pipe.Close()
			switch answer := <-u.answer; {
			case answer == nil:
				t.Error("an upload was not answered")
			case answer.StatusCode == 200:
				stored++
			case answer.StatusCode == 429 && answer.Header.Get("Retry-After") != "":
				refused++
			default:
				t.Errorf("got %s", answer.Status)
			}
		}
		if stored == 0 || refused < bodies-budget/size {
			t.Errorf("announced as %d: %d were stored and %d refused, want no more stored than there is room for", announced, stored, refused)
		}
		await.That(t, "all is given back", func() bool { return f.api.MemoryInFlight() == 0 })
	}
}

func TestAnnouncingBodiesKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	f := mustServe(t, func(c *httpapi.Config) { c.MaxMemoryInFlight = 32 << 20 })
	const announcing = 60
	for range announcing {
		f.mustSend("PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n1")
	}
	await.That(t, "all are being read", func() bool { return f.api.MemoryInFlight() >= announcing<<12 })
	if got := f.do("PUT", "/keys/b", `"`+strings.Repeat("x", 1_000_000)+`"`); got.status != 200 {
		t.Errorf("got %d %s, want 200", got.status, got.body)
	}
}

func TestWithoutRoomABodyIsRefusedBeforeItIsSentAndSmallOnesAreTaken(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	f.must("PUT", "/keys/middle", `"`+strings.Repeat("x", 10_000)+`"`)
	f.must("POST", "/queue/enqueue", `{"value":1}`)
	defer f.api.OccupyMemory()()
	conn := f.mustSend("PUT /keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != 429 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("got %v and %v, want 429 with Retry-After and not 100", answer, err)
	}
	for _, c := range []struct {
		method, target, body string
		want                 int
	}{
		{"PUT", "/keys/b", `"` + strings.Repeat("x", 3000) + `"`, 200},
		{"GET", "/keys/b", "", 200},
		{"GET", "/keys/middle", "", 429},
		{"PUT", "/keys/c", `"` + strings.Repeat("x", 5000) + `"`, 429},
		{"GET", "/metrics/prometheus", "", 200},
		{"GET", "/queue/dequeue", "", 200},
		{"POST", "/queue/ack", `{"id":"01890000-0000-7000-8000-000000000000"}`, 200},
		{"GET", "/readyz", "", 200},
	} {
		if got := f.do(c.method, c.target, c.body); got.status != c.want {
			t.Errorf("%s %s: got %d, want %d", c.method, c.target, got.status, c.want)
		}
	}
}

func TestTheStateThatAStreamStartsWithIsInTheBudgetUntilItIsWritten(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	const size = 10 << 20
	f.mustPutLarges(11, size)
	free := f.api.OccupyMemory()
	if got := f.do("GET", "/watch/prefix?prefix=large", ""); got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("without room: got %d, want 429 with Retry-After", got.status)
	}
	free()
	http1 := f.mustSend("GET /watch/prefix?prefix=large HTTP/1.1\r\nHost: x\r\n\r\n")
	http2 := f.mustSendHTTP2("/watch/prefix?prefix=large")
	await.That(t, "both are held", func() bool { return f.api.MemoryInFlight() >= 2*size })
	_ = http1.Close()
	_ = http2.Close()
	await.That(t, "nothing is held", func() bool { return f.api.MemoryInFlight() == 0 })
	lines := bufio.NewReader(f.mustSend("GET /watch/prefix?prefix=large HTTP/1.1\r\nHost: x\r\n\r\n"))
	for line := ""; line != "event: change\n"; {
		var err error
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	await.That(t, "nothing is held for a stream that has been read", func() bool { return f.api.MemoryInFlight() == 0 && f.api.OpenStreams() == 1 })
}

func TestAStreamThatIsStuckInAWriteEndsWithTheDrain(t *testing.T) {
	t.Parallel()
	const size = 20 << 20
	stuck := func(t *testing.T, open func(f *fixture) net.Conn) (*fixture, net.Conn) {
		f := mustServeEverything(t)
		f.mustPutLarges(22, size)
		conn := open(f)
		await.That(t, "it is held", func() bool { return f.api.MemoryInFlight() >= size })
		f.api.EndWaits()
		await.That(t, "the stream has ended", func() bool { return f.api.MemoryInFlight() == 0 && f.api.OpenStreams() == 0 })
		return f, conn
	}
	t.Run("and its connection, over HTTP/1", func(t *testing.T) {
		t.Parallel()
		_, conn := stuck(t, func(f *fixture) net.Conn {
			return f.mustSend("GET /watch/prefix?prefix=large HTTP/1.1\r\nHost: x\r\n\r\n")
		})
		if n, err := io.Copy(io.Discard, conn); err == nil && n > size {
			t.Error("all of it was written")
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection is open")
		}
	})
	// Others may be served on that connection, so it is left to the server's Shutdown.
	t.Run("alone, over HTTP/2", func(t *testing.T) {
		t.Parallel()
		stuck(t, func(f *fixture) net.Conn { return f.mustSendHTTP2("/watch/prefix?prefix=large") })
	})
}

func TestALongHeaderIsInTheBudgetForAsLongAsItsRequestWaits(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	const size = 500_000
	header := "X-Long: " + strings.Repeat("x", size) + "\r\n\r\n"
	conn := f.mustSend("GET /queue/dequeue?wait=60000 HTTP/1.1\r\nHost: x\r\n" + header)
	await.That(t, "its header is held", func() bool { return f.api.MemoryInFlight() >= size })
	_ = conn.Close()
	await.That(t, "nothing is held", func() bool { return f.api.MemoryInFlight() == 0 })
	// A stream goes on without its request.
	f.mustSend("GET /watch?keys=a HTTP/1.1\r\nHost: x\r\n" + header)
	await.That(t, "the stream is open and holds nothing", func() bool { return f.api.OpenStreams() == 1 && f.api.MemoryInFlight() == 0 })
	defer f.api.OccupyMemory()()
	for target, want := range map[string]int{"/keys/a": 429, "/queue/dequeue?wait=60000": 429, "/healthz": 200} {
		answer, err := http.ReadResponse(bufio.NewReader(f.mustSend("GET "+target+" HTTP/1.1\r\nHost: x\r\n"+header)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want {
			t.Errorf("%s with a long header, without room: got %d, want %d", target, answer.StatusCode, want)
		}
	}
	if got := f.do("GET", "/keys/none", ""); got.status != 404 {
		t.Errorf("a short header: got %d, want 404", got.status)
	}
}
