package route

import (
	"net/http"
	"time"
)

const (
	// SlowGrace is how long a reader may take nothing at all.
	SlowGrace = 30 * time.Second
	// slowBytesPerSecond is what a reader must take at least, apart from that.
	slowBytesPerSecond = 64 << 10
	// pieceBytes is how much is written with one deadline, so that who takes nothing
	// is known long before a slow reader of the whole would be through.
	pieceBytes = 1 << 20
)

// A Sink is what has deadlines for its writes.
type Sink interface {
	SetWriteDeadline(time.Time) error
	Write([]byte) (int, error)
}

// ResponseSink writes through net/http.
type ResponseSink struct{ http.ResponseWriter }

// SetWriteDeadline implements Sink.
func (s ResponseSink) SetWriteDeadline(t time.Time) error {
	return setWriteDeadline(s.ResponseWriter, t)
}

// Flush sends what net/http has buffered.
func (s ResponseSink) Flush() error { return http.NewResponseController(s.ResponseWriter).Flush() }

// setWriteDeadline asks net/http's own writers themselves: looking for one behind others
// would make an error where there is none.
func setWriteDeadline(w http.ResponseWriter, t time.Time) error {
	switch w := w.(type) {
	case interface{ SetWriteDeadline(time.Time) error }:
		return w.SetWriteDeadline(t)
	case interface{ Unwrap() http.ResponseWriter }:
		return http.NewResponseController(w.(http.ResponseWriter)).SetWriteDeadline(t)
	}
	return nil
}

// Pace writes for as long as the reader takes its time and no longer: what is written is
// in memory until then. It returns how much that was. The deadline is left as it is, for what net/http itself still
// has to write.
func (f *Frame) Pace(to Sink, text []byte) (written int64, err error) {
	end := time.Now().Add(f.timeFor(len(text)))
	for {
		piece := text[:min(len(text), pieceBytes)]
		deadline := time.Now().Add(f.timeFor(len(piece)))
		if deadline.After(end) {
			deadline = end
		}
		if err := to.SetWriteDeadline(deadline); err != nil {
			return written, err
		}
		n, err := to.Write(piece)
		written += int64(n)
		if err != nil {
			return written, err
		}
		if text = text[len(piece):]; len(text) == 0 {
			return written, nil
		}
	}
}

// timeFor is how long a reader may take for so many bytes.
func (f *Frame) timeFor(n int) time.Duration {
	return f.cfg.Patience + time.Duration(n)*time.Second/slowBytesPerSecond
}
