package httpapi

import (
	"net/http"
	"time"
)

const (
	// slowGrace is how long a reader may take nothing at all.
	slowGrace = 30 * time.Second
	// slowBytesPerSecond is what a reader must take at least, apart from that.
	slowBytesPerSecond = 64 << 10
	// pieceBytes is how much is written with one deadline, so that who takes nothing
	// is known long before a slow reader of the whole would be through.
	pieceBytes = 1 << 20
)

// A sink is what has deadlines for its writes.
type sink interface {
	SetWriteDeadline(time.Time) error
	Write([]byte) (int, error)
}

// An eventSink is where the bytes of a stream go.
type eventSink interface {
	sink
	Flush() error
}

// responseSink writes through net/http.
type responseSink struct{ http.ResponseWriter }

func (s responseSink) SetWriteDeadline(t time.Time) error {
	return setWriteDeadline(s.ResponseWriter, t)
}

func (s responseSink) Flush() error { return http.NewResponseController(s.ResponseWriter).Flush() }

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

// pace writes for as long as the reader takes its time and no longer: what is written is
// in memory until then. The deadline is left as it is, for what net/http itself still
// has to write.
func (s *Server) pace(to sink, text []byte) error {
	end := time.Now().Add(s.timeFor(len(text)))
	for {
		piece := text[:min(len(text), pieceBytes)]
		deadline := time.Now().Add(s.timeFor(len(piece)))
		if deadline.After(end) {
			deadline = end
		}
		if err := to.SetWriteDeadline(deadline); err != nil {
			return err
		}
		if _, err := to.Write(piece); err != nil {
			return err
		}
		if text = text[len(piece):]; len(text) == 0 {
			return nil
		}
	}
}

// timeFor is how long a reader may take for so many bytes.
func (s *Server) timeFor(n int) time.Duration {
	return s.patience + time.Duration(n)*time.Second/slowBytesPerSecond
}
