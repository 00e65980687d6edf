package httpapi

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// An eventSink is where the bytes of a stream go.
type eventSink interface {
	SetWriteDeadline(time.Time) error
	Write([]byte) (int, error)
	Flush() error
}

// responseSink writes through net/http.
type responseSink struct {
	http.ResponseWriter
	*http.ResponseController
}

func (s responseSink) Flush() error { return s.ResponseController.Flush() }

// connSink writes to the connection itself.
type connSink struct{ net.Conn }

func (connSink) Flush() error { return nil }

// serveIdle starts a stream and runs feed, for routes with thousands of readers
// who mostly wait. Feed gets a context that ends when its reader has gone or
// the node drains. It is not run if serveIdle returns errDraining.
//
// Over HTTP/1 it takes the connection from net/http and goes on without this
// call, after it has returned: the call's stack, the request and the buffers of
// net/http would be two thirds of what such a reader costs, and the buffers
// would cut a large event into several writes. HTTP/2 connections are shared
// and stay where they are.
func (c *call) serveIdle(ctx context.Context, feed func(context.Context, *eventStream) error) error {
	if c.r.ProtoMajor != 1 {
		return feed(ctx, c.stream())
	}
	if !c.server.idle.enter() {
		return errDraining
	}
	stream := c.stream()
	conn, _, err := stream.sink.(responseSink).Hijack()
	if err != nil {
		defer c.server.idle.leave()
		return feed(ctx, stream) // whoever wraps the writer keeps it
	}
	idle := &idleStream{server: c.server, conn: conn, feed: feed, head: streamHead(c.w.Header())}
	go idle.serve()
	return nil
}

// An idleStream is a stream with a connection of its own.
type idleStream struct {
	server *Server
	conn   net.Conn
	feed   func(context.Context, *eventStream) error
	head   []byte
}

func (i *idleStream) serve() {
	defer i.server.idle.leave()
	ctx, gone := context.WithCancel(i.server.waits)
	defer gone()
	var reader sync.WaitGroup
	defer reader.Wait()
	defer i.conn.Close()
	defer func() {
		if p := recover(); p != nil {
			i.server.cfg.Logger.Error("panic while serving a stream", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	reader.Go(func() {
		defer gone()
		awaitEnd(i.conn)
	})
	stream := &eventStream{sink: connSink{i.conn}}
	if err := stream.send(i.head); err != nil {
		return
	}
	i.head = nil
	_ = i.feed(ctx, stream) // the reader has gone
}

// streamHead renders the head of an answer that ends with its connection.
func streamHead(h http.Header) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	_ = h.Write(&b) // to memory
	b.WriteString("\r\n")
	return b.Bytes()
}

// awaitEnd returns when the reader has closed its connection, or the stream has.
// What is sent meanwhile is for nobody.
func awaitEnd(conn net.Conn) {
	var b [1]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
	}
}

// idleGrace is how long a drain waits for streams with connections of their own.
const idleGrace = time.Second

// idleStreams counts them, so that a drain can wait for the last one.
type idleStreams struct {
	mu      sync.Mutex // covers what follows
	running int
	ended   chan struct{} // made by the drain, closed when none is left
}

// enter tells whether one more may begin.
func (s *idleStreams) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return false
	}
	s.running++
	return true
}

func (s *idleStreams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.running == 0 && s.ended != nil {
		close(s.ended)
	}
}

// drain lets none begin any more and waits for those that have been told to end.
// One may be in the middle of a write that nobody reads: it is not waited for.
func (s *idleStreams) drain() {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = make(chan struct{})
		if s.running == 0 {
			close(s.ended)
		}
	}
	ended := s.ended
	s.mu.Unlock()
	select {
	case <-ended:
	case <-time.After(idleGrace):
	}
}
