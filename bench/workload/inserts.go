package workload

import "sync"

// inserts deals out numbers of keys that are not there yet, and knows up to which all of them
// are: nobody must read a key before it has been written.
type inserts struct {
	mu    sync.Mutex // covers all below
	next  int        // the first that was never taken
	back  []int      // taken and given back
	ahead map[int]bool
	there int // all below are there; those of ahead are, too
}

func newInserts(keys int) *inserts {
	return &inserts{next: keys, there: keys, ahead: map[int]bool{}}
}

func (s *inserts) take() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.back) - 1; last >= 0 {
		n := s.back[last]
		s.back = s.back[:last]
		return n
	}
	s.next++
	return s.next - 1
}

// end says what became of a key that was taken. One that may not be there is for the next who
// takes one.
func (s *inserts) end(n int, written bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !written {
		s.back = append(s.back, n)
		return
	}
	for s.ahead[n] = true; s.ahead[s.there]; s.there++ {
		delete(s.ahead, s.there)
	}
}

// count is how many keys there are without a gap.
func (s *inserts) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.there
}
