package httpapi

import (
	"net"
	"sync"
	"time"
)

// streamGrace is how long a drain waits for streams to end by themselves, and again for
// those that it has cut off.
const streamGrace = time.Second

// streams are those that are open, so that a drain can wait for the last one, and end
// those that are in the middle of a write that nobody reads.
type streams struct {
	mu    sync.Mutex // covers what follows
	open  map[*eventStream]struct{}
	ended chan struct{} // made by the drain, closed when none is left
}

// enter tells whether one more may begin.
func (s *streams) enter(stream *eventStream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return false
	}
	if s.open == nil {
		s.open = map[*eventStream]struct{}{}
	}
	s.open[stream] = struct{}{}
	return true
}

// move has another stream go on in the place of one.
func (s *streams) move(from, to *eventStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, from)
	s.open[to] = struct{}{}
	to.cut.Store(from.cut.Load())
}

// leave is for a stream that ends; also for one that could not enter.
func (s *streams) leave(stream *eventStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, open := s.open[stream]; !open {
		return
	}
	delete(s.open, stream)
	if len(s.open) == 0 && s.ended != nil {
		close(s.ended)
	}
}

// drain lets none begin any more and waits for those that have been told to end. Who
// is stuck in a write is cut off: first the write, and if that does not help, because
// nothing goes through a connection that HTTP/2 shares, the connection.
func (s *streams) drain() {
	ended := s.close()
	for _, cut := range []func(*eventStream){(*eventStream).cutWrite, (*eventStream).cutConn} {
		select {
		case <-ended:
			return
		case <-time.After(streamGrace):
			s.each(cut)
		}
	}
}

// close returns what is closed once all have ended.
func (s *streams) close() <-chan struct{} {
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
func (s *streams) each(do func(*eventStream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream := range s.open {
		do(stream)
	}
}

// cutWrite ends the write that is under way and lets none begin.
func (s *eventStream) cutWrite() {
	s.cut.Store(true)
	_ = s.sink.SetWriteDeadline(time.Now().Add(-time.Second))
}

// cutConn closes what is below.
func (s *eventStream) cutConn() {
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
