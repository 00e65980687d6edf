package httpapi

import (
	"context"
	"errors"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

func TestLargeAnswersInFlightAreBounded(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	var calls []*call
	for range maxInFlightBytes / maxAnswerBytes {
		c := &call{server: s}
		if err := c.reserve(maxAnswerBytes); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	next := &call{server: s}
	if err := next.reserve(maxAnswerBytes); !errors.Is(err, sqldb.ErrOverloaded) {
		t.Errorf("over the bound: got %v, want %v", err, sqldb.ErrOverloaded)
	}
	if err := next.reserve(1000); err != nil {
		t.Errorf("a small answer: got %v", err)
	}
	calls[0].release()
	if err := next.reserve(maxAnswerBytes); err != nil {
		t.Errorf("after one was sent: got %v", err)
	}
	if err := next.reserve(maxAnswerBytes + 1); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("an answer over its own bound: got %v, want %v", err, kv.ErrTooLarge)
	}
}

func TestACallHoldsTheLargestRoomItHasAskedFor(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	c := &call{server: s}
	for _, n := range []int64{largeAnswerBytes, maxAnswerBytes, 2 * largeAnswerBytes, 1} {
		if err := c.reserve(n); err != nil {
			t.Fatal(err)
		}
	}
	c.await(t.Context(), 3*largeAnswerBytes)
	if c.reserved != maxAnswerBytes {
		t.Errorf("the call holds %d bytes, want %d", c.reserved, maxAnswerBytes)
	}
	if !s.inFlight.TryAcquire(maxInFlightBytes - maxAnswerBytes) {
		t.Error("more is taken than the call holds")
	}
	c.release()
	if !s.inFlight.TryAcquire(maxAnswerBytes) {
		t.Error("the call has not given back what it held")
	}
}

func TestWhoseTimeIsUpAfterTheCommitIsAnsweredWithoutRoom(t *testing.T) {
	t.Parallel()
	s := mustServer(t)
	free := s.OccupyAnswers()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &call{server: s}
	c.await(ctx, 2*maxAnswerBytes)
	c.release()
	free()
	if !s.inFlight.TryAcquire(maxInFlightBytes) {
		t.Error("the call has given back what it did not hold")
	}
}
