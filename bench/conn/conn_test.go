package conn_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/buntime/keyval/bench/conn"
)

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Echo", strings.Join(r.Header.Values("X-Several"), "+"))
	fmt.Fprintf(w, "%s %s %s token=%q type=%q length=%d body=%q", r.Method, r.Host, r.RequestURI,
		r.Header.Get("Authorization"), r.Header.Get("Content-Type"), r.ContentLength, body)
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func mustOpen(t *testing.T, cfg conn.Config) *conn.Conn {
	t.Helper()
	c, err := conn.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// mustDo asks with the test's context.
func mustDo(t *testing.T, c *conn.Conn, method, target string, header http.Header, body string) *conn.Answer {
	t.Helper()
	answer, err := c.Do(t.Context(), method, target, header, []byte(body))
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer
}

func mustGet(t *testing.T, c *conn.Conn, want string) {
	t.Helper()
	if got := string(mustDo(t, c, "GET", "/", nil, "").Body); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestARequestCarriesWhatItIsGivenAndNothingOfTheOneBefore(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	host := strings.TrimPrefix(s.URL, "http://")
	c := mustOpen(t, conn.Config{URL: s.URL + "/base/", Header: http.Header{"Authorization": {"Bearer a"}}})
	for _, each := range []struct {
		method, target, body string
		header               http.Header
		want, echo           string
	}{
		{"GET", "/keys/a?x=%2F", "", nil, `GET HOST /base/keys/a?x=%2F token="Bearer a" type="" length=0 body=""`, ""},
		{"PUT", "/keys/a", "123", http.Header{"Content-Type": {"application/json"}}, `PUT HOST /base/keys/a token="Bearer a" type="application/json" length=3 body="123"`, ""},
		{"POST", "/atomic", "", nil, `POST HOST /base/atomic token="Bearer a" type="" length=0 body=""`, ""},
		{"GET", "/keys/a", "", nil, `GET HOST /base/keys/a token="Bearer a" type="" length=0 body=""`, ""},
		{"GET", "/", "", http.Header{"Authorization": {"Bearer b"}, "X-Several": {"1", "2"}}, `GET HOST /base/ token="Bearer b" type="" length=0 body=""`, "1+2"},
		{"GET", "/", "", nil, `GET HOST /base/ token="Bearer a" type="" length=0 body=""`, ""},
		{"DELETE", "/keys/a", "", nil, `DELETE HOST /base/keys/a token="Bearer a" type="" length=0 body=""`, ""},
	} {
		answer := mustDo(t, c, each.method, each.target, each.header, each.body)
		want := strings.ReplaceAll(each.want, "HOST", host)
		if string(answer.Body) != want || answer.Header("x-echo") != each.echo || answer.Status != 200 {
			t.Errorf("%d %q, %q; want %q, %q", answer.Status, answer.Body, answer.Header("x-echo"), want, each.echo)
		}
	}
}

func TestAnswersOfEveryFormAreRead(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("large ", 50000)
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/chunked":
			fmt.Fprint(w, "one")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "two")
		case "/large":
			fmt.Fprint(w, large)
		case "/interim":
			w.WriteHeader(http.StatusEarlyHints)
			fmt.Fprint(w, "late")
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/busy":
			http.Error(w, "busy", http.StatusServiceUnavailable)
		default:
			w.Header().Set("Content-Length", "4")
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := mustOpen(t, conn.Config{URL: s.URL})
	for _, each := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/chunked", 200, "onetwo"}, {"GET", "/large", 200, large}, {"GET", "/interim", 200, "late"},
		{"DELETE", "/none", 204, ""}, {"POST", "/busy", 503, "busy\n"}, {"HEAD", "/", 200, ""}, {"GET", "/chunked", 200, "onetwo"},
	} {
		answer := mustDo(t, c, each.method, each.target, nil, "")
		if answer.Status != each.status || string(answer.Body) != each.body {
			t.Errorf("%s %s: %d with %d bytes, want %d with %d", each.method, each.target, answer.Status, len(answer.Body), each.status, len(each.body))
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestHTTPSTrustsWhomItIsTold(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it is refused below
	s.StartTLS()
	defer s.Close()
	trusting := s.Client().Transport.(*http.Transport).TLSClientConfig
	c := mustOpen(t, conn.Config{URL: s.URL, TLS: trusting})
	for range 3 {
		if got := string(mustDo(t, c, "PUT", "/a", nil, "1").Body); !strings.HasPrefix(got, "PUT ") {
			t.Errorf("got %q", got)
		}
	}
	var unknown *tls.CertificateVerificationError
	if _, err := conn.Open(t.Context(), conn.Config{URL: s.URL}); !errors.As(err, &unknown) {
		t.Errorf("an authority that nobody knows: %v", err)
	}
}

func TestTheEndOfAContextEndsWaiting(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-r.Context().Done()
		}
		fmt.Fprint(w, "hello")
	})
	c := mustOpen(t, conn.Config{URL: s.URL})
	mustGet(t, c, "hello")

	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Do(ctx, "GET", "/wait", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if _, err := c.Do(ctx, "GET", "/", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after that, got %v, want that it was cancelled", err)
	}
	mustGet(t, c, "hello")

	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Do(short, "GET", "/wait", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that its time was over", err)
	}
	mustGet(t, c, "hello")
}

func TestAContextThatEndsBetweenRequestsDoesNoHarm(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, conn.Config{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }).URL})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := c.Do(ctx, "POST", "/", nil, nil); err != nil {
			t.Fatal(err)
		}
		cancel()
		if answer := mustDo(t, c, "POST", "/", nil, ""); string(answer.Body) != "hello" {
			t.Errorf("got %q", answer.Body)
		}
	}
}

// script is a server that deals with its n-th connection by the n-th of its steps; further
// ones are closed at once.
func script(t *testing.T, steps ...func(net.Conn, *bufio.Reader)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for n := 0; ; n++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			if n < len(steps) {
				steps[n](client, bufio.NewReader(client))
			}
			client.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-over })
	return "http://" + l.Addr().String()
}

// answers reads a request for each answer, and sends that.
func answers(raw ...string) func(net.Conn, *bufio.Reader) {
	return func(client net.Conn, in *bufio.Reader) {
		for _, each := range raw {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(client, each)
		}
	}
}

// ok is an answer that says what.
func ok(what string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(what), what)
}

func TestAConnectionThatTheServerClosedIsDialledAgain(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, conn.Config{URL: script(t, answers(ok("a")), answers(ok("b")), answers(ok("c"), ok("d")))})
	for _, want := range []string{"a", "b", "c", "d"} {
		mustGet(t, c, want)
	}
}

func TestWhatMayHaveBeenDoneIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, conn.Config{URL: script(t, answers(ok("a")), answers(ok("b")))})
	mustGet(t, c, "a")
	if answer, err := c.Do(t.Context(), "PUT", "/", nil, []byte("1")); err == nil {
		t.Errorf("got %q of a connection that was closed", answer.Body)
	} else if !strings.HasPrefix(err.Error(), "connection to 127.0.0.1:") {
		t.Errorf("got %q, want where to", err)
	}
	mustGet(t, c, "b")
}

func TestTwoConnectionsThatGiveNoAnswerAreAFailure(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, conn.Config{URL: script(t, answers(""), answers(""), answers(ok("b")))})
	if answer, err := c.Do(t.Context(), "GET", "/", nil, nil); err == nil {
		t.Errorf("got %q", answer.Body)
	}
	mustGet(t, c, "b")
}

func TestWhoIsNotThereIsToldFromWhoHasGone(t *testing.T) {
	t.Parallel()
	hangUp := answers()
	for name, each := range map[string]struct {
		steps []func(net.Conn, *bufio.Reader)
		asked []string // the last fails
		want  bool
	}{
		"a new connection is closed":           {[]func(net.Conn, *bufio.Reader){answers(ok("a")), hangUp}, []string{"GET", "PUT", "PUT"}, true},
		"a new connection for another try":     {[]func(net.Conn, *bufio.Reader){answers(ok("a")), hangUp}, []string{"GET", "GET"}, true},
		"a new connection that speaks no HTTP": {[]func(net.Conn, *bufio.Reader){answers(ok("a")), answers("SSH-2.0-x\r\n\r\n")}, []string{"GET", "PUT", "PUT"}, true},
		"one that has served is closed":        {[]func(net.Conn, *bufio.Reader){answers(ok("a"))}, []string{"GET", "PUT"}, false},
		"one that has served breaks off":       {[]func(net.Conn, *bufio.Reader){answers(ok("a"), "HTTP/1.1 200")}, []string{"GET", "GET"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mustOpen(t, conn.Config{URL: script(t, each.steps...)})
			var err error
			for _, method := range each.asked {
				_, err = c.Do(t.Context(), method, "/", nil, nil)
			}
			if got := conn.IsUnreachable(err); err == nil || got != each.want {
				t.Errorf("got %v (unreachable: %v), want %v", err, got, each.want)
			}
		})
	}
}

func TestAnAnswerThatBreaksOffIsAFailure(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"} {
		c := mustOpen(t, conn.Config{URL: script(t, answers(ok("a"), broken), answers(ok("b")))})
		mustGet(t, c, "a")
		if answer, err := c.Do(t.Context(), "GET", "/", nil, nil); err == nil {
			t.Errorf("%q: got %d %q", broken, answer.Status, answer.Body)
		}
		mustGet(t, c, "b")
	}
}

func TestAnAnswerThatAnnouncesTheEndOfItsConnectionIsTheLastOnIt(t *testing.T) {
	t.Parallel()
	const last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast"
	for name, first := range map[string]string{
		"it says so": last, "HTTP/1.0": strings.Replace(strings.Replace(last, "1.1", "1.0", 1), "Connection: close\r\n", "", 1),
		"more than was asked for": ok("last") + ok("of something else"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mustOpen(t, conn.Config{URL: script(t, answers(first, ok("too much")), answers(ok("put")))})
			mustGet(t, c, "last")
			// A PUT is not sent again: this shows that there was no need to.
			if got := string(mustDo(t, c, "PUT", "/", nil, "1").Body); got != "put" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAnAnswerThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, conn.Config{URL: script(t, answers(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", conn.MaxAnswer+1)), answers(ok("b")))})
	if _, err := c.Do(t.Context(), "GET", "/", nil, nil); !errors.Is(err, fasthttp.ErrBodyTooLarge) {
		t.Errorf("got %v", err)
	}
	mustGet(t, c, "b")
}

func TestAURLThatIsNoServersIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"localhost:8080":       "neither http:// nor https://",
		"http:///keys":         "no host",
		"http://me:secret@a/":  "Authorization",
		"http://a/?x=1":        "query",
		"http://127.0.0.1:1/%": "invalid URL escape",
	} {
		_, err := conn.Open(t.Context(), conn.Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want one that says %q", url, err, want)
		}
	}
}

func TestAServerThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	url := script(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := conn.Open(t.Context(), conn.Config{URL: gone.URL}); !conn.IsUnreachable(err) || !strings.Contains(err.Error(), strings.TrimPrefix(gone.URL, "http://")) {
		t.Errorf("got %v", err)
	}
	c := mustOpen(t, conn.Config{URL: url})
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("closing it: %v", err)
		}
	}
}

// frugal is a server that allocates nothing for a request either, since allocations are
// counted for the whole process: it answers all that ends with an empty line, or with "}".
func frugal(client net.Conn, _ *bufio.Reader) {
	answer, buffer := []byte("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"), make([]byte, 4096)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.HasSuffix(buffer[:n], []byte("\r\n\r\n")) || buffer[n-1] == '}' {
			_, _ = client.Write(answer)
		}
	}
}

func TestARequestAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := mustOpen(t, conn.Config{URL: script(t, frugal), Header: http.Header{"Authorization": {"Bearer a"}}})
	header, body := http.Header{"Content-Type": {"application/json"}, "X-Session": {"1"}}, []byte(`{"value":1}`)
	for name, do := range map[string]func() (*conn.Answer, error){
		"GET":              func() (*conn.Answer, error) { return c.Do(ctx, "GET", "/keys/a", nil, nil) },
		"GET with headers": func() (*conn.Answer, error) { return c.Do(ctx, "GET", "/keys/a", header, nil) },
		"PUT":              func() (*conn.Answer, error) { return c.Do(ctx, "PUT", "/keys/a", header, body) },
	} {
		allocations := testing.AllocsPerRun(200, func() {
			if answer, err := do(); err != nil || string(answer.Body) != "{}" {
				t.Fatalf("%s: %v", name, err)
			}
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations for a request, want none", name, allocations)
		}
	}
}
