package sse

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi/route"
)

// streamGrace is how long a drain waits for streams to end by themselves, and again for
// those that it has cut off.
const streamGrace = time.Second

// Streams are those that are open, so that a drain can wait for the last one, and end
// those that are in the middle of a write that nobody reads.
type Streams struct {
	frame *route.Frame

	mu    sync.Mutex // covers what follows
	open  map[*Stream]revocation
	ended chan struct{} // made by the drain, closed when none is left
}

// NewStreams are none as yet, of a frame's calls.
func NewStreams(frame *route.Frame) *Streams { return &Streams{frame: frame} }

// Open is how many there are.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Register shows how many are open.
func (s *Streams) Register(to prometheus.Registerer) error {
	return to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "keyval_http_streams",
		Help: "Open event streams: watches and queue listeners.",
	}, func() float64 { return float64(s.Open()) }))
}

// Start starts the answer: from now on the route can return an error, but it is
// not rendered. The header is sent with the first event.
func (s *Streams) Start(c *route.Call) *Stream {
	stream := s.stream(c)
	s.enter(stream) // while the node drains it ends with its context
	s.begin(c, stream)
	return stream
}

func (s *Streams) stream(c *route.Call) *Stream {
	conn, _ := c.Request.Context().Value(connKey{}).(net.Conn)
	return &Stream{frame: s.frame, sink: route.ResponseSink{ResponseWriter: c.Writer}, conn: conn, sent: &c.Sent, granted: c.Grant.Context()}
}

func (s *Streams) begin(c *route.Call, stream *Stream) {
	h := c.Writer.Header()
	h["Content-Type"] = []string{cmp.Or(c.ContentType, route.EventStream)}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Accel-Buffering"] = []string{"no"} // nginx would collect events
	c.BeginStream()
	c.AtEnd = func() { s.leave(stream) }
}

// connKey is where a request's context has its connection.
type connKey struct{}

// WithConn is the ConnContext of a server whose streams are to be cut off when they
// are stuck.
func WithConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// enter tells whether one more may begin.
func (s *Streams) enter(stream *Stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return false
	}
	if s.open == nil {
		s.open = map[*Stream]revocation{}
	}
	s.open[stream] = s.onRevoked(stream)
	return true
}

// A revocation waits for the end of what a stream's reader may; called, it waits no more.
type revocation func() (stopped bool)

// onRevoked cuts a stream off, also one that is stuck in a write, when its reader may no
// longer read.
func (s *Streams) onRevoked(stream *Stream) revocation {
	if stream.granted.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(stream.granted, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, open := s.open[stream]; open {
			stream.cutWrite()
		}
	})
}

// move has another stream go on in the place of one.
func (s *Streams) move(from, to *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[from]()
	delete(s.open, from)
	s.open[to] = s.onRevoked(to)
	to.cut.Store(from.cut.Load())
}

// leave is for a stream that ends; also for one that could not enter.
func (s *Streams) leave(stream *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stop, open := s.open[stream]
	if !open {
		return
	}
	stop()
	delete(s.open, stream)
	if len(s.open) == 0 && s.ended != nil {
		close(s.ended)
	}
}

// Drain lets none begin any more and waits for those that have been told to end. Who
// is stuck in a write is cut off: first the write, and if that does not help, because
// nothing goes through a connection that HTTP/2 shares, the connection.
func (s *Streams) Drain() {
	ended := s.close()
	for _, cut := range []func(*Stream){(*Stream).cutWrite, (*Stream).cutConn} {
		select {
		case <-ended:
			return
		case <-time.After(streamGrace):
			s.each(cut)
		}
	}
}

// close returns what is closed once all have ended.
func (s *Streams) close() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = make(chan struct{})
		if len(s.open) == 0 {
			close(s.ended)
		}
	}
	return s.ended
}

// each holds the mutex: a stream must not end while something is done to what it
// writes to.
func (s *Streams) each(do func(*Stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream := range s.open {
		do(stream)
	}
}

// cutWrite ends the write that is under way and lets none begin.
func (s *Stream) cutWrite() {
	s.cut.Store(true)
	_ = s.sink.SetWriteDeadline(time.Now().Add(-time.Second))
}

// cutConn closes what is below.
func (s *Stream) cutConn() {
	if s.conn != nil {
		_ = bare(s.conn).Close()
	}
}

// bare is the connection below TLS, which would first say goodbye to who does not read.
func bare(conn net.Conn) net.Conn {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return wrapped.NetConn()
	}
	return conn
}
