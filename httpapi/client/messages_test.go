package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

func TestMessagesAreIteratedOverAllPages(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	for i := range 5 {
		must(c.Enqueue(ctx, "q", i))(t)
	}
	must(c.Enqueue(ctx, "q", "later", client.Delay(time.Hour)))(t)
	must(c.Enqueue(ctx, "", "other"))(t)
	taken := must(c.Dequeue(ctx, "q"))(t)[0]
	for _, tc := range []struct {
		list client.MessageList
		want int
	}{
		{client.MessageList{}, 1},
		{client.MessageList{Queue: "q"}, 6},
		{client.MessageList{Queue: "q", Limit: 2}, 6},
		{client.MessageList{Queue: "q", Limit: 1, State: api.MessageReady}, 4},
		{client.MessageList{Queue: "q", State: api.MessageDelayed}, 1},
		{client.MessageList{Queue: "q", State: api.MessageProcessing}, 1},
	} {
		seen := map[string]bool{}
		for m, err := range c.Messages(ctx, tc.list) {
			if err != nil {
				t.Fatal(err)
			}
			seen[m.ID] = true
			if (m.LockedUntil != nil) != (m.ID == taken.ID) {
				t.Errorf("%+v: locked until %v", m, m.LockedUntil)
			}
		}
		if len(seen) != tc.want {
			t.Errorf("%+v: %d messages, want %d", tc.list, len(seen), tc.want)
		}
	}
	for _, err := range c.Messages(ctx, client.MessageList{Queue: "q", Limit: 1}) {
		if err != nil {
			t.Error(err)
		}
		break // who leaves early gets no more
	}
}

func TestMessagesArePurged(t *testing.T) {
	c, _ := startClient(t)
	ctx := testContext(t)
	for range 3 {
		must(c.Enqueue(ctx, "q", 1))(t)
	}
	must(c.Enqueue(ctx, "q", 1, client.Delay(time.Hour)))(t)
	m := must(c.Dequeue(ctx, "q"))(t)[0]
	if must(c.PurgeMessage(ctx, m.ID, ""))(t) {
		t.Error("what is being processed was purged without being named")
	}
	for i, purge := range []struct {
		queue string
		state api.MessageState
		want  int64
	}{{"", "", 0}, {"q", api.MessageDelayed, 1}, {"q", "", 2}} {
		if got := must(c.PurgeMessages(ctx, purge.queue, purge.state))(t); got != purge.want {
			t.Errorf("%d: purged %d, want %d", i, got, purge.want)
		}
	}
	if !must(c.PurgeMessage(ctx, m.ID, api.MessageProcessing))(t) {
		t.Error("what is being processed was named and not purged")
	}
	if err := c.Ack(ctx, m); !errors.Is(err, api.LockLost) {
		t.Errorf("ack of a purged message: %v, want api.LockLost", err)
	}
}
