package httpapi

import (
	"context"
	"errors"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

func newCall(s *Server) *call {
	return &call{server: s, route: &route{}, content: share{of: s.memory}, answer: share{of: s.memory}}
}

func TestAnswersInFlightAreBounded(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	var calls []*call
	for range s.memory.limit / (maxAnswerBytes / 2) {
		c := newCall(s)
		if err := c.reserve(maxAnswerBytes / 2); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	next := newCall(s)
	if err := next.reserve(maxAnswerBytes / 2); !errors.Is(err, sqldb.ErrOverloaded) {
		t.Errorf("over the bound: got %v, want %v", err, sqldb.ErrOverloaded)
	}
	if err := next.reserve(1000); err != nil {
		t.Errorf("a small answer: got %v", err)
	}
	calls[0].release()
	if err := next.reserve(maxAnswerBytes / 2); err != nil {
		t.Errorf("after one was sent: got %v", err)
	}
	if err := next.reserve(maxAnswerBytes + 1); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("an answer over its own bound: got %v, want %v", err, kv.ErrTooLarge)
	}
}

func TestACallHoldsTheLargestRoomItHasAskedFor(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	c := newCall(s)
	for _, n := range []int64{1 << 20, maxAnswerBytes, 2 << 20, 1} {
		if err := c.reserve(n); err != nil {
			t.Fatal(err)
		}
	}
	c.await(t.Context(), 3<<20)
	if got := c.answer.size(); got != maxAnswerBytes || s.MemoryInFlight() != got {
		t.Errorf("the call holds %d bytes of %d, want %d", got, s.MemoryInFlight(), maxAnswerBytes)
	}
	c.release()
	if got := s.MemoryInFlight(); got != 0 {
		t.Errorf("the call has not given back %d bytes", got)
	}
}

func TestAnAnswerThatIsLargerThanItsRouteHasSaidIsCounted(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	c := newCall(s)
	c.out = make([]byte, 1<<20)
	if err := c.account(t.Context()); err != nil || s.MemoryInFlight() != 1<<20 {
		t.Errorf("got %v and %d bytes, want %d", err, s.MemoryInFlight(), 1<<20)
	}
	free := newCall(s)
	free.answer.grow(s.memory.limit - 1<<20)
	over := newCall(s)
	over.out = make([]byte, 1<<20)
	if err := over.account(t.Context()); !errors.Is(err, sqldb.ErrOverloaded) {
		t.Errorf("without room: got %v, want %v", err, sqldb.ErrOverloaded)
	}
}

func TestWhoseTimeIsUpAfterTheCommitIsAnsweredWithoutRoom(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	free := s.OccupyMemory()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newCall(s)
	c.await(ctx, 2*maxAnswerBytes)
	c.release()
	free()
	if got := s.MemoryInFlight(); got != 0 {
		t.Errorf("%d bytes are held, want none", got)
	}
}
