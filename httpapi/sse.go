package httpapi

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	eventStreamType = "text/event-stream"

	// dataFirstBytes is the size from which an event's data goes before its name.
	//
	// The original client parses each chunk that it receives by itself and loses
	// an event whose lines arrive in two. A large event cannot be kept in one
	// chunk: the network cuts it. But with the long line first, all of its lines
	// become complete in the same, last chunk. The order of an event's fields has
	// no meaning to a reader of server-sent events.
	dataFirstBytes = 1 << 10
)

// An eventStream sends server-sent events. Each event is one write and one flush.
// It is not for concurrent use.
//
// Every method returns the error of the write: then the reader is gone, has not
// read for too long (see pace), or did so in the middle of this event, and the route
// returns.
type eventStream struct {
	server *Server
	sink   eventSink
	buf    []byte
	conn   net.Conn    // what sink writes through; nil: not known
	cut    atomic.Bool // set when nothing more is to be written
}

// stream starts the answer: from now on the route can return an error, but it is
// not rendered. The header is sent with the first event.
func (c *call) stream() *eventStream {
	stream := c.newStream()
	c.server.streams.enter(stream) // while the node drains it ends with its context
	c.begin(stream)
	return stream
}

func (c *call) newStream() *eventStream {
	conn, _ := c.r.Context().Value(connKey{}).(net.Conn)
	return &eventStream{server: c.server, sink: responseSink{c.w}, conn: conn}
}

func (c *call) begin(stream *eventStream) {
	h := c.w.Header()
	h["Content-Type"] = []string{eventStreamType}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Accel-Buffering"] = []string{"no"} // nginx would collect events
	c.streaming = true
	c.status = http.StatusOK
	c.opened = stream
}

// retry tells the reader how long to wait before it connects again.
func (s *eventStream) retry(d time.Duration) error {
	s.buf = append(s.buf[:0], "retry: "...)
	s.buf = strconv.AppendInt(s.buf, d.Milliseconds(), 10)
	s.buf = append(s.buf, '\n', '\n')
	return s.flush()
}

// event sends one event. An empty id is left out. Data must be one line, as JSON
// without white space is.
func (s *eventStream) event(name, id string, data []byte) error {
	s.buf = appendEvent(s.buf[:0], name, id, data)
	return s.flush()
}

// renderEvent renders an event of about size bytes of data, which are appended to the
// event itself: a large one is not to be there twice.
func renderEvent(name, id string, size int64, appendData func(dst []byte) []byte) []byte {
	const before = "data: "
	text := appendData(append(make([]byte, 0, size+128), before...))
	data := text[len(before):]
	if len(data) < dataFirstBytes {
		return appendEvent(make([]byte, 0, len(data)+128), name, id, data)
	}
	mustBeOneLine(data)
	return append(appendEventName(append(text, '\n'), name, id), '\n')
}

func mustBeOneLine(data []byte) {
	if bytes.ContainsAny(data, "\r\n") {
		panic("httpapi: the data of an event has more than one line")
	}
}

func appendEvent(dst []byte, name, id string, data []byte) []byte {
	mustBeOneLine(data)
	if len(data) >= dataFirstBytes {
		dst = appendField(dst, "data", data)
		dst = appendEventName(dst, name, id)
	} else {
		dst = appendEventName(dst, name, id)
		dst = appendField(dst, "data", data)
	}
	return append(dst, '\n')
}

func appendEventName(dst []byte, name, id string) []byte {
	dst = appendField(dst, "event", name)
	if id != "" {
		dst = appendField(dst, "id", id)
	}
	return dst
}

func appendField[T string | []byte](dst []byte, name string, value T) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, '\n')
}

// comment sends a line that readers ignore, to find out whether there still is one.
func (s *eventStream) comment(text string) error {
	s.buf = append(s.buf[:0], ": "...)
	s.buf = append(s.buf, text...)
	s.buf = append(s.buf, '\n', '\n')
	return s.flush()
}

// send sends an event that is already rendered, and perhaps shared.
func (s *eventStream) send(rendered []byte) error {
	if s.cut.Load() {
		return errDraining
	}
	if err := s.server.pace(s.sink, rendered); err != nil {
		return err
	}
	return s.sink.Flush()
}

func (s *eventStream) flush() error {
	if err := s.send(s.buf); err != nil {
		return err
	}
	if cap(s.buf) > maxPooledBytes {
		s.buf = nil // ten thousand streams do not each keep their largest event
	}
	return nil
}
