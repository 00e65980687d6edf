package sse

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// connSink writes to the connection itself.
type connSink struct{ net.Conn }

func (connSink) Flush() error { return nil }

// ServeIdle starts a stream and runs feed, for routes with thousands of readers
// who mostly wait. Feed gets a context that ends when its reader has gone or
// the node drains. It is not run if serveIdle returns route.Draining.
//
// Over HTTP/1 it takes the connection from net/http and goes on without this
// call, after it has returned: the call's stack, the request and the buffers of
// net/http would be two thirds of what such a reader costs, and the buffers
// would cut a large event into several writes. HTTP/2 connections are shared
// and stay where they are.
func (s *Streams) ServeIdle(ctx context.Context, c *route.Call, feed func(context.Context, *Stream) error) error {
	if c.Request.ProtoMajor != 1 {
		return feed(ctx, s.Start(c))
	}
	stream := s.stream(c)
	if !s.enter(stream) {
		return route.Draining
	}
	s.begin(c, stream)
	conn, _, err := http.NewResponseController(c.Writer).Hijack()
	if err != nil {
		return feed(ctx, stream) // whoever wraps the writer keeps it
	}
	idle := &idleStream{streams: s, feed: feed, head: streamHead(c.Writer.Header()), pass: c.HandPass(), access: c.TakeAccess(ctx)}
	idle.stream = &Stream{frame: s.frame, sink: connSink{conn}, conn: conn, sent: &idle.sent, granted: stream.granted}
	s.move(stream, idle.stream)
	go idle.serve()
	return nil
}

// An idleStream is a stream with a connection of its own.
type idleStream struct {
	streams *Streams
	stream  *Stream
	feed    func(context.Context, *Stream) error
	head    []byte
	pass    access.Pass
	access  *route.Access // nil without an access log
	sent    int64
}

func (i *idleStream) serve() {
	frame, conn := i.streams.frame, i.stream.conn
	defer i.streams.leave(i.stream)
	defer i.pass.Leave()
	outcome := api.Internal // where the feed panics
	defer func() { i.access.End(outcome, i.sent) }()
	ctx, gone := context.WithCancel(frame.Waits())
	defer gone()
	defer context.AfterFunc(i.stream.granted, gone)()
	var reader sync.WaitGroup
	defer reader.Wait()
	defer conn.Close()
	defer func() {
		if p := recover(); p != nil {
			frame.Logger().Error("panic while serving a stream", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	reader.Go(func() {
		defer gone()
		awaitEnd(conn)
	})
	if i.stream.Send(i.head) != nil {
		gone() // feed still has what to give back
	}
	i.head = nil
	i.sent = 0 // the head is no part of the body
	outcome = route.StreamOutcome(i.feed(ctx, i.stream))
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
