package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

func TestAMessageGoesThroughItsLife(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	must(c.Enqueue(ctx, "q", "v", client.Delay(time.Millisecond), client.Priority(-3), client.MaxAttempts(2),
		client.Backoff(time.Millisecond), client.KeysIfUndelivered(api.Key{"lost"}), client.DedupeID("d")))(t)
	want := api.EnqueueOptions{Delay: 1, BackoffSchedule: []int64{1}, Queue: "q", MaxAttempts: 2, Priority: -3, DedupeID: "d"}
	got := n.messages[0].options
	if got.Delay != want.Delay || got.Queue != want.Queue || got.MaxAttempts != want.MaxAttempts ||
		got.Priority != want.Priority || got.DedupeID != want.DedupeID || len(got.KeysIfUndelivered) != 1 {
		t.Errorf("options %+v, want %+v", got, want)
	}
	take := func() api.Message {
		t.Helper()
		messages := must(c.Dequeue(ctx, "q", client.Wait(20*time.Second)))(t)
		if len(messages) != 1 {
			t.Fatalf("%d messages", len(messages))
		}
		return messages[0]
	}
	m := take()
	until := must(c.Extend(ctx, m, time.Minute))(t)
	if left := time.Until(until); left < 30*time.Second || left > time.Minute {
		t.Errorf("locked for another %v, want a minute", left)
	}
	if err := c.Nack(ctx, m, client.RetryAfter(0), client.Reason(errors.New("first"))); err != nil {
		t.Error(err)
	}
	if err := c.Ack(ctx, m); !errors.Is(err, api.LockLost) {
		t.Errorf("ack of what was given back: %v", err)
	}
	again := take()
	if err := c.Nack(ctx, again, client.Reason(errors.New(strings.Repeat("é", 2000)))); err != nil {
		t.Error(err)
	}
	letters := must(c.DeadLetters(ctx, client.DeadLetterPage{Queue: "q", Limit: 5}))(t)
	if len(letters) != 1 || letters[0].ErrorMessage != strings.Repeat("é", 1000) {
		t.Fatalf("dead letters %v", letters)
	}
	if letter := must(c.DeadLetter(ctx, letters[0].ID))(t); letter.OriginalID != m.ID {
		t.Errorf("dead letter %v", letter)
	}
	id := must(c.RequeueDeadLetter(ctx, letters[0].ID))(t)
	if back := take(); back.ID != id || back.Attempts != 1 {
		t.Errorf("requeued as %v", back)
	} else if err := c.Ack(ctx, back); err != nil {
		t.Error(err)
	}
	if got := must(c.QueueStats(ctx, ""))(t).Total; got != 0 {
		t.Errorf("%d messages left", got)
	}
}

func TestDeadLettersAreRemoved(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	for range 3 {
		must(c.Enqueue(ctx, "", 1))(t)
	}
	for _, m := range must(c.Dequeue(ctx, "", client.Max(3)))(t) {
		if err := c.Nack(ctx, m, client.DeadLetter()); err != nil {
			t.Fatal(err)
		}
	}
	letters := must(c.DeadLetters(ctx, client.DeadLetterPage{Offset: 1}))(t)
	if len(letters) != 2 {
		t.Fatalf("%d dead letters after the first, want 2", len(letters))
	}
	if err := c.DeleteDeadLetter(ctx, letters[0].ID); err != nil {
		t.Error(err)
	}
	if _, err := c.DeadLetter(ctx, letters[0].ID); !errors.Is(err, api.NotFound) {
		t.Errorf("deleted: %v", err)
	}
	if got := must(c.PurgeDeadLetters(ctx, ""))(t); got != 2 {
		t.Errorf("purged %d, want 2", got)
	}
}

func TestAMessageWithoutReceiptIsNotSettled(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	for _, m := range []api.Message{{}, {ID: "x"}, {Receipt: "x"}} {
		if err := c.Ack(ctx, m); err == nil {
			t.Errorf("%v: no error", m)
		}
	}
	if got := len(n.seen()); got != 0 {
		t.Errorf("%d requests", got)
	}
}
