package sqldb

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

// Its caller may have written anew meanwhile.
func TestWhatACallerWasToldIsUnknownIsNotSentAgainOnceItIsKnownNotToHaveHappened(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		known time.Duration // after the caller's time is up
		want  error
	}{
		{outcomeTime - 1, context.Canceled},
		{outcomeTime + 1, ErrCommitUnknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			w, committer := &waiting{op: &Op{}, ctx: ctx, done: make(chan struct{})}, &committer{}
			w.state.Store(sent)
			group := []*waiting{w}
			left := make(chan error, 1)
			go func() { left <- committer.leave(w) }()
			await.Pass(c.known)
			committer.retract(group)
			synctest.Wait()
			if got := <-left; !errors.Is(got, c.want) {
				t.Errorf("told after %v, the caller leaves with %v; want %v", c.known, got, c.want)
			}
			if len(wanted(group)) != 0 {
				t.Errorf("told after %v, it is sent again behind its caller's back", c.known)
			}
		})
	}
}
