package workload

import "testing"

func TestNobodyReadsAKeyBeforeItIsThere(t *testing.T) {
	s := newInserts(10)
	first, second, third := s.take(), s.take(), s.take()
	if first != 10 || second != 11 || third != 12 {
		t.Fatalf("took %d, %d, %d", first, second, third)
	}
	steps := []struct {
		n       int
		written bool
		want    int
	}{
		{second, true, 10}, // the first may not be there yet
		{first, false, 10},
		{third, true, 10},
	}
	for _, step := range steps {
		s.end(step.n, step.written)
		if got := s.count(); got != step.want {
			t.Errorf("after %+v there are %d", step, got)
		}
	}
	if again := s.take(); again != first {
		t.Errorf("took %d, want the one that was given back", again)
	}
	s.end(first, true)
	if got := s.count(); got != 13 {
		t.Errorf("there are %d, want all 13", got)
	}
}
