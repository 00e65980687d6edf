package httpapi

import (
	"fmt"
	"time"
)

// EntityTags is how a header of these lines compares weakly, as a text, and whether
// it is one.
func EntityTags(lines ...string) (string, bool) {
	versions, err := parseEntityTags("If-Match", lines, true)
	if err != nil {
		return "", false
	}
	return fmt.Sprint(*versions), true
}

// OccupyMemory takes all room for bodies and answers that are not small, but a byte,
// until the function is called.
func (s *Server) OccupyMemory() (free func()) {
	taken := share{of: s.memory}
	if !taken.grow(s.memory.limit - 1) {
		panic("there are bodies or answers on their way")
	}
	return taken.release
}

// AnswersWait tells whether an answer waits for room: nobody overtakes it, even for the
// byte that is there.
func (s *Server) AnswersWait() bool {
	if s.memory.large.TryAcquire(1) {
		s.memory.large.Release(1)
		return false
	}
	return true
}

// MemoryInFlight is how many bytes bodies and answers take.
func (s *Server) MemoryInFlight() int64 { return s.memory.used.Load() }

// SetPatience sets how long a reader may take nothing.
func (s *Server) SetPatience(d time.Duration) { s.patience = d }

// OpenStreams is how many there are.
func (s *Server) OpenStreams() int {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	return len(s.streams.open)
}
