package workload

import "sync"

// share tells how much of a whole is done.
type share struct {
	whole    int
	progress func(float64) // nil is nobody

	mu   sync.Mutex // covers done, and calls of progress
	done int
}

// add says that n more are done.
func (s *share) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done += n; s.progress != nil {
		s.progress(float64(s.done) / float64(s.whole))
	}
}
