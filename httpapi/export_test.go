package httpapi

import "fmt"

// EntityTags is how a header of these lines compares weakly, as a text, and whether
// it is one.
func EntityTags(lines ...string) (string, bool) {
	versions, err := parseEntityTags("If-Match", lines, true)
	if err != nil {
		return "", false
	}
	return fmt.Sprint(*versions), true
}

// OccupyAnswers takes all room for large answers but a byte until the function is called.
func (s *Server) OccupyAnswers() (free func()) {
	if !s.inFlight.TryAcquire(maxInFlightBytes - 1) {
		panic("large answers are on their way")
	}
	return func() { s.inFlight.Release(maxInFlightBytes - 1) }
}

// AnswersWait tells whether an answer waits for room: nobody overtakes it, even for the
// byte that is there.
func (s *Server) AnswersWait() bool {
	if s.inFlight.TryAcquire(1) {
		s.inFlight.Release(1)
		return false
	}
	return true
}
