package route

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/httpapi/api"
)

func mustFrame(t *testing.T) *Frame {
	t.Helper()
	f, err := New(Config{OperationTimeout: time.Second, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newCall(f *Frame) *Call {
	return &Call{Frame: f, Route: &Route{Tag: &Tag{}}, content: f.NewShare(), answer: f.NewShare()}
}

// inFlight is how many bytes bodies and answers take.
func inFlight(f *Frame) int64 {
	used, _ := f.Memory()
	return used
}

func TestAnswersInFlightAreBounded(t *testing.T) {
	t.Parallel()
	f := mustFrame(t)
	var calls []*Call
	for range f.memory.limit / (MaxAnswerBytes / 2) {
		c := newCall(f)
		if err := c.Reserve(MaxAnswerBytes / 2); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	next := newCall(f)
	if err := next.Reserve(MaxAnswerBytes / 2); f.CodeOf(err) != api.TooManyRequests {
		t.Errorf("over the bound: got %v, want %v", err, api.TooManyRequests)
	}
	if err := next.Reserve(1000); err != nil {
		t.Errorf("a small answer: got %v", err)
	}
	calls[0].release()
	if err := next.Reserve(MaxAnswerBytes / 2); err != nil {
		t.Errorf("after one was sent: got %v", err)
	}
	if err := next.Reserve(MaxAnswerBytes + 1); f.CodeOf(err) != api.TooLarge {
		t.Errorf("an answer over its own bound: got %v, want %v", err, api.TooLarge)
	}
}

func TestACallHoldsTheLargestRoomItHasAskedFor(t *testing.T) {
	t.Parallel()
	f := mustFrame(t)
	c := newCall(f)
	for _, n := range []int64{1 << 20, MaxAnswerBytes, 2 << 20, 1} {
		if err := c.Reserve(n); err != nil {
			t.Fatal(err)
		}
	}
	c.Await(t.Context(), 3<<20)
	if got := c.answer.size(); got != MaxAnswerBytes || inFlight(f) != got {
		t.Errorf("the call holds %d bytes of %d, want %d", got, inFlight(f), MaxAnswerBytes)
	}
	c.release()
	if got := inFlight(f); got != 0 {
		t.Errorf("the call has not given back %d bytes", got)
	}
}

func TestAnAnswerThatIsLargerThanItsRouteHasSaidIsCounted(t *testing.T) {
	t.Parallel()
	f := mustFrame(t)
	c := newCall(f)
	c.Out = make([]byte, 1<<20)
	if err := c.account(t.Context()); err != nil || inFlight(f) != 1<<20 {
		t.Errorf("got %v and %d bytes, want %d", err, inFlight(f), 1<<20)
	}
	free := newCall(f)
	free.answer.Grow(f.memory.limit - 1<<20)
	over := newCall(f)
	over.Out = make([]byte, 1<<20)
	if err := over.account(t.Context()); f.CodeOf(err) != api.TooManyRequests {
		t.Errorf("without room: got %v, want %v", err, api.TooManyRequests)
	}
}

func TestWhoseTimeIsUpAfterTheCommitIsAnsweredWithoutRoom(t *testing.T) {
	t.Parallel()
	f := mustFrame(t)
	all := f.NewShare()
	all.Grow(f.memory.limit - 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newCall(f)
	c.Await(ctx, 2*MaxAnswerBytes)
	c.release()
	all.Release()
	if got := inFlight(f); got != 0 {
		t.Errorf("%d bytes are held, want none", got)
	}
}
