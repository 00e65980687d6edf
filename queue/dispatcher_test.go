package queue

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/buntime/keyval/kv"
)

func TestMessagesThatNobodyIsThereForAreGivenBackHoweverOftenThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &dispatcher{queue: &Queue{log: slog.New(slog.DiscardHandler)}, closing: make(chan struct{})}
		tries, failures := 0, 5
		release := func(_ context.Context, messages []Message) error {
			if tries++; tries <= failures || len(messages) != 1 {
				return kv.ErrTimeout
			}
			return nil
		}
		d.insistOn(make([]Message, 1), release)
		if tries != failures+1 {
			t.Errorf("tried %d times, want %d", tries, failures+1)
		}
		close(d.closing)
		tries, failures = 0, 1000
		d.insistOn(make([]Message, 1), release)
		if tries > 10 {
			t.Errorf("tried %d times when the queue was closed", tries)
		}
	})
}
