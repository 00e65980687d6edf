package sse

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/buntime/keyval/httpapi/route"
)

const (
	// dataFirstBytes is the size from which an event's data goes before its name.
	//
	// The original client parses each chunk that it receives by itself and loses
	// an event whose lines arrive in two. A large event cannot be kept in one
	// chunk: the network cuts it. But with the long line first, all of its lines
	// become complete in the same, last chunk. The order of an event's fields has
	// no meaning to a reader of server-sent events.
	dataFirstBytes = 1 << 10
)

// A sink is where the bytes of a stream go.
type sink interface {
	route.Sink
	Flush() error
}

// A Stream sends server-sent events. Each event is one write and one flush.
// It is not for concurrent use.
//
// Every method returns the error of the write: then the reader is gone, has not
// read for too long (see route.Frame.Pace), or did so in the middle of this event, and the route
// returns.
type Stream struct {
	frame *route.Frame
	sink  sink
	buf   []byte
	conn  net.Conn    // what sink writes through; nil: not known
	cut   atomic.Bool // set when nothing more is to be written
	sent  *int64      // counts the bytes that are written
	// granted ends when the reader may no longer read.
	granted context.Context
}

// Retry tells the reader how long to wait before it connects again.
func (s *Stream) Retry(d time.Duration) error {
	s.buf = append(s.buf[:0], "retry: "...)
	s.buf = strconv.AppendInt(s.buf, d.Milliseconds(), 10)
	s.buf = append(s.buf, '\n', '\n')
	return s.flush()
}

// Event sends one event. An empty id is left out. Data must be one line, as JSON
// without white space is.
func (s *Stream) Event(name, id string, data []byte) error {
	s.buf = appendEvent(s.buf[:0], name, id, data)
	return s.flush()
}

// RenderEvent renders an event of about size bytes of data, which are appended to the
// Event itself: a large one is not to be there twice.
func RenderEvent(name, id string, size int64, appendData func(dst []byte) []byte) []byte {
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
		panic("sse: the data of an event has more than one line")
	}
}

func appendEvent(dst []byte, name, id string, data []byte) []byte {
	mustBeOneLine(data)
	if len(data) >= dataFirstBytes {
		dst = AppendField(dst, "data", data)
		dst = appendEventName(dst, name, id)
	} else {
		dst = appendEventName(dst, name, id)
		dst = AppendField(dst, "data", data)
	}
	return append(dst, '\n')
}

func appendEventName(dst []byte, name, id string) []byte {
	dst = AppendField(dst, "event", name)
	if id != "" {
		dst = AppendField(dst, "id", id)
	}
	return dst
}

// AppendField renders one field of an event.
func AppendField[T string | []byte](dst []byte, name string, value T) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, '\n')
}

// Comment sends a line that readers ignore, to find out whether there still is one.
func (s *Stream) Comment(text string) error {
	s.buf = append(s.buf[:0], ": "...)
	s.buf = append(s.buf, text...)
	s.buf = append(s.buf, '\n', '\n')
	return s.flush()
}

// Send sends an event that is already rendered, and perhaps shared.
func (s *Stream) Send(rendered []byte) error {
	if s.cut.Load() {
		return route.Draining
	}
	n, err := s.frame.Pace(s.sink, rendered)
	*s.sent += n
	if err != nil {
		return err
	}
	return s.sink.Flush()
}

func (s *Stream) flush() error {
	if err := s.Send(s.buf); err != nil {
		return err
	}
	if cap(s.buf) > route.MaxPooledBytes {
		s.buf = nil // ten thousand streams do not each keep their largest event
	}
	return nil
}
