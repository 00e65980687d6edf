package httpapi

import (
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
