package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// readAll returns every event of stream as "name id data".
func readAll(t testing.TB, in io.Reader, limit int) ([]string, error) {
	t.Helper()
	r := newEventReader(in, limit)
	var got []string
	for {
		ev, err := r.next()
		if err != nil {
			return got, err
		}
		got = append(got, fmt.Sprintf("%s %s %q", ev.name, ev.id, ev.data))
	}
}

func TestTheEventReaderFollowsTheStandard(t *testing.T) {
	tests := []struct {
		name, stream string
		want         []string
	}{
		{"one event", "event: change\nid: 1\ndata: [1]\n\n", []string{`change 1 "[1]"`}},
		{"carriage returns", "event: change\rid: 1\rdata: a\r\rdata: b\r\r", []string{`change 1 "a"`, `message 1 "b"`}},
		{"both", "event: change\r\nid: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []string{`change 1 "a"`, `message 1 "b"`}},
		{"a ping carries only an id", "event: ping\nid: 7\ndata:\n\n", []string{`ping 7 ""`}},
		{"an id without a name", "id: 7\n\n", []string{`message 7 ""`}},
		{"data of several lines", "data: a\ndata: b\n\n", []string{`message  "a\nb"`}},
		{"an id is kept by the next event", "id: 7\ndata: a\n\ndata: b\n\n", []string{`message 7 "a"`, `message 7 "b"`}},
		{"an id with a zero byte is ignored", "id: a\x00b\ndata: a\n\n", []string{`message  "a"`}},
		{"an empty id resets", "id: 7\ndata: a\n\nid\ndata: b\n\n", []string{`message 7 "a"`, `message  "b"`}},
		{"only one space is taken off", "data:  a\n\n", []string{`message  " a"`}},
		{"no space", "data:a\n\n", []string{`message  "a"`}},
		{"comments and unknown fields", ": hello\nfoo: bar\ndata: a\n\n", []string{`message  "a"`}},
		{"blank lines alone", "\n\n\n", nil},
		{"a byte order mark", "\xEF\xBB\xBFdata: a\n\n", []string{`message  "a"`}},
		{"an unfinished event is dropped", "data: a\n\ndata: b\n", []string{`message  "a"`}},
		{"an unfinished line is dropped", "data: a\n\nid: 8", []string{`message  "a"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, in := range map[string]io.Reader{
				"at once":      strings.NewReader(tt.stream),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.stream)),
			} {
				got, err := readAll(t, in, 1000)
				if !errors.Is(err, io.EOF) {
					t.Errorf("%s: error %v, want EOF", how, err)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("%s: got %q, want %q", how, got, tt.want)
				}
			}
		})
	}
}

func TestAnEventIsDispatchedBeforeAnythingFollowsIt(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n"} {
		pr, pw := io.Pipe()
		go func() { _, _ = io.WriteString(pw, "data: a"+end) }()
		// Nothing more is written: a reader that looked ahead would hang.
		ev, err := newEventReader(pr, 1000).next()
		if err != nil || string(ev.data) != "a" {
			t.Errorf("line end %q: got %q, %v", end, ev.data, err)
		}
		if err := pw.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRetryIsTakenFromTheStream(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"1500": 1500 * time.Millisecond, "1.5": 0, "-1": 0, "": 0, "99999999999": 0,
	} {
		r := newEventReader(strings.NewReader("retry: "+value+"\ndata: a\n\n"), 1000)
		if _, err := r.next(); err != nil {
			t.Fatal(err)
		}
		if r.retry != want {
			t.Errorf("retry: %s gave %v, want %v", value, r.retry, want)
		}
	}
}

func TestALineOrEventOverTheLimitEndsTheStream(t *testing.T) {
	for name, stream := range map[string]io.Reader{
		"one line":             strings.NewReader("data: " + strings.Repeat("x", 10_000) + "\n\n"),
		"many lines":           strings.NewReader(strings.Repeat("data: xxxxxxxxx\n", 1_000)),
		"empty data lines":     strings.NewReader(strings.Repeat("data\n", 10_000)),
		"a line with no end":   &endless{},
		"a field with no name": strings.NewReader(":" + strings.Repeat("x", 10_000) + "\n\n"),
	} {
		if _, err := readAll(t, stream, 1000); !errors.Is(err, errEventTooLarge) {
			t.Errorf("%s: error %v, want %v", name, err, errEventTooLarge)
		}
	}
}

// endless is a stream of x that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func FuzzTheEventReader(f *testing.F) {
	f.Add([]byte("event: change\r\nid: 1\ndata: [1]\r\rdata\n\n"), byte(3))
	f.Add([]byte("\xEF\xBB\xBFretry: 10\nid: \x00\n:c\n\n"), byte(1))
	f.Fuzz(func(t *testing.T, stream []byte, size byte) {
		const limit = 64
		whole, errWhole := readAll(t, bytes.NewReader(stream), limit)
		pieces, errPieces := readAll(t, &chunked{stream, int(size)%7 + 1}, limit)
		if !slices.Equal(whole, pieces) || errors.Is(errWhole, io.EOF) != errors.Is(errPieces, io.EOF) {
			t.Errorf("chunks change the events: %q, %v; whole %q, %v", pieces, errPieces, whole, errWhole)
		}
		r := newEventReader(bytes.NewReader(stream), limit)
		for {
			ev, err := r.next()
			if err != nil {
				return
			}
			if len(ev.data) > limit {
				t.Errorf("event of %d bytes, limit %d", len(ev.data), limit)
			}
		}
	})
}

// chunked reads at most n bytes at a time.
type chunked struct {
	rest []byte
	n    int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.n)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
