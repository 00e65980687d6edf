package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// errEventTooLarge is returned when a stream sends an event over the limit. The
// stream cannot be read on: where the next event begins is unknown.
var errEventTooLarge = errors.New("event of the stream is over the limit")

// serverEvent is one dispatched event of a server-sent event stream.
type serverEvent struct {
	name string // "message" if the stream did not say
	data []byte // lines joined by \n; valid until the next call of next
	id   string // the stream's last event id, which an event without one keeps
}

// eventReader parses a stream of server-sent events (WHATWG HTML, 9.2.6) with
// one difference: an event whose data is empty is dispatched too if it has a name
// or an id of its own, because a ping carries a position and nothing else.
//
// It holds at most limit bytes of an event, whatever the stream sends.
type eventReader struct {
	in    *bufio.Reader
	limit int
	retry time.Duration // the stream's last "retry:", 0 for none
	id    string        // last event id
	data  []byte
	line  []byte
	// afterCR is set when the last line ended in \r: a \n that follows belongs
	// to that line end. Waiting for it would hold back a finished event.
	afterCR bool
	started bool
}

func newEventReader(r io.Reader, limit int) *eventReader {
	return &eventReader{in: bufio.NewReader(r), limit: limit}
}

// next returns the next event. At the end of the stream it returns io.EOF and
// drops an event that no blank line has finished: it may be cut anywhere.
func (r *eventReader) next() (serverEvent, error) {
	name, seen := "", false
	r.data, r.line = emptied(r.data), emptied(r.line)
	id := r.id
	for {
		line, err := r.readLine()
		if err != nil {
			return serverEvent{}, err
		}
		if len(line) == 0 {
			r.id = id
			if !seen {
				continue
			}
			return newServerEvent(name, r.data, id), nil
		}
		field, value := cutField(line)
		switch string(field) {
		case "event":
			name, seen = string(value), true
		case "data":
			if len(r.data)+len(value) >= r.limit {
				return serverEvent{}, fmt.Errorf("%w of %d bytes", errEventTooLarge, r.limit)
			}
			r.data = append(append(r.data, value...), '\n')
			seen = true
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				id, seen = string(value), true
			}
		case "retry":
			r.setRetry(value)
		}
	}
}

// emptied returns b for reuse, unless one large event has made it large.
func emptied(b []byte) []byte {
	if cap(b) > 1<<20 {
		return nil
	}
	return b[:0]
}

func newServerEvent(name string, data []byte, id string) serverEvent {
	if name == "" {
		name = "message"
	}
	return serverEvent{name: name, data: bytes.TrimSuffix(data, []byte("\n")), id: id}
}

// cutField splits "field: value" as the standard says: at the first colon, less
// one space after it. A comment has an empty field.
func cutField(line []byte) (field, value []byte) {
	field, value, _ = bytes.Cut(line, []byte(":"))
	return field, bytes.TrimPrefix(value, []byte(" "))
}

// setRetry takes digits only, as the standard says, and nothing absurd.
func (r *eventReader) setRetry(value []byte) {
	ms, err := strconv.ParseUint(string(value), 10, 31)
	if err == nil {
		r.retry = time.Duration(ms) * time.Millisecond
	}
}

// readLine returns a line without its end, which is \n, \r or \r\n. The bytes are
// valid until the next call.
func (r *eventReader) readLine() ([]byte, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	r.line = r.line[:0]
	for {
		// Buffered bytes are searched in place; only a line that is longer than
		// the buffer is put together elsewhere.
		if _, err := r.in.Peek(1); err != nil {
			return nil, err
		}
		chunk, _ := r.in.Peek(r.in.Buffered())
		if r.afterCR {
			r.afterCR = false
			if chunk[0] == '\n' {
				_, _ = r.in.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			r.line = append(r.line, chunk...)
			_, _ = r.in.Discard(len(chunk))
		} else {
			r.afterCR = chunk[end] == '\r'
			r.line = append(r.line, chunk[:end]...)
			_, _ = r.in.Discard(end + 1)
		}
		if len(r.line) > r.limit {
			return nil, fmt.Errorf("%w of %d bytes", errEventTooLarge, r.limit)
		}
		if end >= 0 {
			return r.line, nil
		}
	}
}

// begin skips a byte order mark at the very start.
func (r *eventReader) begin() error {
	if r.started {
		return nil
	}
	r.started = true
	if c, err := r.in.Peek(1); err != nil || c[0] != 0xEF {
		return err
	}
	if mark, err := r.in.Peek(3); err == nil && string(mark) == "\xEF\xBB\xBF" {
		_, _ = r.in.Discard(3)
	}
	return nil
}
