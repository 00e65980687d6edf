package httpapi

// OccupyMemory takes all room for bodies and answers that are not small, but a byte,
// until the function is called.
func (s *Server) OccupyMemory() (free func()) {
	taken := s.frame.NewShare()
	if _, limit := s.frame.Memory(); !taken.Grow(limit - 1) {
		panic("there are bodies or answers on their way")
	}
	return taken.Release
}

// AnswersWait tells whether an answer waits for room: nobody overtakes it, even for the
// byte that is there.
func (s *Server) AnswersWait() bool {
	last := s.frame.NewShare()
	defer last.Release()
	return !last.Grow(1)
}

// MemoryInFlight is how many bytes bodies and answers take.
func (s *Server) MemoryInFlight() int64 {
	used, _ := s.frame.Memory()
	return used
}

// OpenStreams is how many there are.
func (s *Server) OpenStreams() int { return s.streams.Open() }
