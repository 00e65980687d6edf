package workload

import (
	"errors"
	"testing"
	"time"
)

func newWaiting() *waiting { return &waiting{arrived: make(chan arrival, 1)} }

// arrived is what has come for a write; nothing has its zero value.
func (w *waiting) mustHave(t *testing.T, want string) {
	t.Helper()
	got := ""
	select {
	case a := <-w.arrived:
		got = a.versionstamp
	default:
	}
	if got != want {
		t.Errorf("got the event %q, want %q", got, want)
	}
}

func (s *stream) mustCommit(t *testing.T, w *waiting, versionstamp string) {
	t.Helper()
	if err := s.committed(w, versionstamp); err != nil {
		t.Fatal(err)
	}
}

func TestAnEventBeforeItsAnswerIsFound(t *testing.T) {
	var s stream
	w := newWaiting()
	s.expect(w)
	for _, versionstamp := range []string{"1", "2", "3"} {
		s.arrive(arrival{versionstamp: versionstamp})
	}
	s.mustCommit(t, w, "2")
	w.mustHave(t, "2")
}

func TestAnEventAfterItsAnswerIsFound(t *testing.T) {
	var s stream
	w := newWaiting()
	s.expect(w)
	s.mustCommit(t, w, "2")
	s.arrive(arrival{versionstamp: "1"})
	w.mustHave(t, "")
	s.arrive(arrival{versionstamp: "2"})
	w.mustHave(t, "2")
}

// Two writes of a key that follow each other quickly are one event.
func TestALaterEventTellsOfEveryWriteBefore(t *testing.T) {
	var s stream
	first, second := newWaiting(), newWaiting()
	s.expect(first)
	s.expect(second)
	s.mustCommit(t, first, "1")
	s.arrive(arrival{versionstamp: "2"})
	s.mustCommit(t, second, "2")
	first.mustHave(t, "2")
	second.mustHave(t, "2")
}

func TestAnEventOfAForgottenWriteIsNotTheNextOnes(t *testing.T) {
	var s stream
	w := newWaiting()
	s.expect(w)
	s.mustCommit(t, w, "1")
	s.arrive(arrival{versionstamp: "1"})
	s.forget(w)
	s.expect(w)
	s.mustCommit(t, w, "2")
	w.mustHave(t, "")
}

func TestWhoeverWaitsForAStreamThatEndsIsTold(t *testing.T) {
	var s stream
	before, after := newWaiting(), newWaiting()
	s.expect(before)
	s.end(errStreamEnded)
	s.expect(after)
	for _, w := range []*waiting{before, after} {
		select {
		case a := <-w.arrived:
			if !errors.Is(a.err, errStreamEnded) || a.at.After(time.Now()) {
				t.Errorf("got %+v", a)
			}
		default:
			t.Error("nobody told it")
		}
	}
	if err := s.committed(after, ""); !errors.Is(err, errMalformed) {
		t.Errorf("got %v for an answer without a versionstamp", err)
	}
}
