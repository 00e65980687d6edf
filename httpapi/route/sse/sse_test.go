package sse_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/internal/await"
)

// mustServeRoute serves one route on a real port, with a server that has no store.
func mustServeRoute(t *testing.T, serve func(context.Context, *sse.Streams, *route.Call) error) (*node, *httptest.Server) {
	t.Helper()
	return mustServeRouteWithin(t, time.Minute, serve)
}

// A node is a frame with its streams.
type node struct {
	frame   *route.Frame
	streams *sse.Streams
}

func (n *node) EndWaits() {
	n.frame.EndWaits()
	n.streams.Drain()
}

// mustServeRouteWithin bounds the reading of a request.
func mustServeRouteWithin(t *testing.T, limit time.Duration, serve func(context.Context, *sse.Streams, *route.Call) error) (*node, *httptest.Server) {
	t.Helper()
	frame, err := route.New(route.Config{
		OperationTimeout: time.Second, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{frame, sse.NewStreams(frame)}
	handler := frame.Endpoint(&route.Route{
		Method: "GET", Pattern: "/stream", Op: "stream", Tag: &route.Tag{}, Scope: access.Watch, Waits: true,
		Serve: func(ctx context.Context, c *route.Call) error { return serve(ctx, n.streams, c) },
	}, &route.Dialect{})
	server := httptest.NewUnstartedServer(handler)
	server.Config = httpapi.NewServer(httpapi.ListenConfig{Handler: handler, ReadTimeout: limit})
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(n.EndWaits)
	return n, server
}

func mustGet(t *testing.T, server *httptest.Server) *http.Response {
	t.Helper()
	answer, err := server.Client().Get(server.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func TestEventsAreLinesThatEndInAnEmptyOne(t *testing.T) {
	t.Parallel()
	_, server := mustServeRoute(t, func(_ context.Context, streams *sse.Streams, c *route.Call) error {
		s := streams.Start(c)
		return errors.Join(
			s.Retry(time.Second),
			s.Event("change", "7", []byte(`[{"a":1}]`)),
			s.Event("ping", "8", nil),
			s.Comment("here"),
			s.Event("message", "", []byte(`1`)),
		)
	})
	answer := mustGet(t, server)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := "retry: 1000\n\n" +
		"event: change\nid: 7\ndata: [{\"a\":1}]\n\n" +
		"event: ping\nid: 8\ndata: \n\n" +
		": here\n\n" +
		"event: message\ndata: 1\n\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// originalParser is how the original client reads a stream: every chunk on its own,
// with only an incomplete line carried over.
type originalParser struct {
	rest   string
	events []string
}

func (p *originalParser) chunk(text string) {
	lines := strings.Split(p.rest+text, "\n")
	p.rest = lines[len(lines)-1]
	event, data := "", ""
	for _, line := range lines[:len(lines)-1] {
		switch {
		case strings.HasPrefix(line, "event:"):
			event = strings.TrimSpace(line[len("event:"):])
		case strings.HasPrefix(line, "data:"):
			data = strings.TrimSpace(line[len("data:"):])
		case line == "" && event == "change" && data != "":
			p.events = append(p.events, data)
			event, data = "", ""
		}
	}
}

func TestTheOriginalClientReadsALargeEventThatArrivesInChunks(t *testing.T) {
	t.Parallel()
	data := `"` + strings.Repeat("x", 200_000) + `"`
	text := string(sse.AppendEvent(nil, "change", "00010000000000020000", []byte(data)))
	for _, size := range []int{1448, 4096, 65536} {
		var p originalParser
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			p.chunk(rest[:n])
			rest = rest[n:]
		}
		if len(p.events) != 1 || p.events[0] != data {
			t.Errorf("chunks of %d bytes: got %d events, want 1", size, len(p.events))
		}
	}
}

func TestASmallEventIsOneWrite(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	_, server := mustServeRoute(t, func(_ context.Context, streams *sse.Streams, c *route.Call) error {
		err := streams.Start(c).Event("change", "7", []byte(`[]`))
		<-release
		return err
	})
	defer close(release)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(answer[:n]); !strings.HasSuffix(got, "event: change\nid: 7\ndata: []\n\n\r\n") {
		t.Errorf("the first read got %q, want the whole event", got)
	}
}

func TestAnEventOfTwoLinesIsABug(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("it was sent")
		}
	}()
	sse.AppendEvent(nil, "change", "", []byte("a\nb"))
}

func TestAStreamOutlivesTheTimeoutsOfRequestsAndEndsWithTheNode(t *testing.T) {
	t.Parallel()
	const limit = time.Second // enough to read a request in
	cause := make(chan error, 1)
	s, server := mustServeRouteWithin(t, limit, func(ctx context.Context, streams *sse.Streams, c *route.Call) error {
		stream := streams.Start(c)
		if err := stream.Event("ping", "", nil); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			cause <- context.Cause(ctx)
			return nil
		// Longer than the server's read timeout.
		case <-time.After(3 * limit / 2):
		}
		if err := stream.Event("ping", "late", nil); err != nil {
			return err
		}
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return nil
	})
	var answer *http.Response
	await.That(t, "the request is read in time", func() (read bool) { // a slow machine may not
		var err error
		answer, err = server.Client().Get(server.URL + "/stream")
		return err == nil
	})
	t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() && lines.Text() != "id: late" {
	}
	s.EndWaits()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream did not end cleanly: %v", err)
	}
	if got := <-cause; !errors.Is(got, route.Draining) {
		t.Errorf("cause: got %v, want %v", got, route.Draining)
	}
}

func TestAStreamEndsWhenItsReaderHasGone(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	_, server := mustServeRoute(t, func(ctx context.Context, streams *sse.Streams, c *route.Call) error {
		err := streams.Start(c).Event("ping", "", nil)
		<-ctx.Done()
		ended <- err
		return ctx.Err()
	})
	mustGet(t, server).Body.Close()
	server.CloseClientConnections()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the route still waits")
	}
}

func TestAnErrorBeforeAStreamStartsIsAnswered(t *testing.T) {
	t.Parallel()
	_, server := mustServeRoute(t, func(context.Context, *sse.Streams, *route.Call) error { return route.InvalidArgument("no") })
	if got := mustGet(t, server).StatusCode; got != 400 {
		t.Errorf("got %d, want 400", got)
	}
}

func TestAPanicInAStreamBreaksTheConnection(t *testing.T) {
	t.Parallel()
	_, server := mustServeRoute(t, func(_ context.Context, streams *sse.Streams, c *route.Call) error {
		if err := streams.Start(c).Event("ping", "", nil); err != nil {
			return err
		}
		panic("on purpose")
	})
	if _, err := io.ReadAll(mustGet(t, server).Body); err == nil {
		t.Error("the reader took it for the end of the stream")
	}
}

func TestALongPollThatTheDrainEndsIsUnavailable(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	s, server := mustServeRoute(t, func(ctx context.Context, _ *sse.Streams, _ *route.Call) error {
		close(started)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	go func() {
		<-started
		s.EndWaits()
	}()
	answer := mustGet(t, server)
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q, want 503 with one", answer.StatusCode, answer.Header.Get("Retry-After"))
	}
}
