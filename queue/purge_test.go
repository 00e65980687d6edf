package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// mustPurge purges and checks how many there were.
func (n *node) mustPurge(name string, state queue.State, want int) {
	n.t.Helper()
	if got, err := n.PurgeMessages(timeout(n.t), name, state); err != nil || got != want {
		n.t.Errorf("purging %s %q: %d, %v; want %d", name, state, got, err, want)
	}
}

func TestAPurgeRemovesWhatItNamesAndNothingElse(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		processed := n.mixed()
		n.mustPurge("none", "", 0)
		n.mustPurge("default", queue.Ready, 2)
		n.wantCounts(queue.Counts{Pending: 2, Delayed: 2, Processing: 1})
		n.mustPurge("", queue.Delayed, 2)
		n.wantCounts(queue.Counts{Processing: 1})
		n.mustPurge("default", "", 0)
		if _, err := n.Extend(timeout(t), nil, processed.ID, processed.Receipt, 60_000); err != nil {
			t.Errorf("what is being processed was not named: %v", err)
		}
		n.mustPurge("default", queue.Processing, 1)
		n.wantCounts(queue.Counts{})
		if got := n.stats("other"); got.Pending != 1 {
			t.Errorf("the other queue has %+v", got)
		}
		if letters := n.deadLetters(queue.DeadLetterList{}); len(letters) != 0 {
			t.Errorf("there are dead letters: %+v", letters)
		}
		n.mixed()
		n.mustPurge("default", "", 4)
		n.mustPurge("default", "", 0)
		n.wantCounts(queue.Counts{Processing: 1})
	})
}

func TestTheReceiptOfAPurgedMessageHoldsNothing(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		key := mustKey(t, "fallback")
		n.enqueue(queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1, KeysIfUndelivered: []kv.Key{key}, DedupeID: "once"})
		m := n.one("default")
		n.mustPurge("default", queue.Processing, 1)
		_, extended := n.Extend(timeout(t), nil, m.ID, m.Receipt, 1000)
		for what, err := range map[string]error{
			"ack": n.Ack(timeout(t), nil, m.ID, m.Receipt), "nack": n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{}), "extend": extended,
		} {
			if !errors.Is(err, queue.ErrLockLost) {
				t.Errorf("%s: %v, want ErrLockLost", what, err)
			}
		}
		must(t, n.Ack(timeout(t), nil, m.ID, ""))
		if e := n.get(key); e.Exists() {
			t.Errorf("the fallback key was written: %v", e)
		}
		again, _ := n.enqueueAll(queue.Enqueue{Value: []byte(`1`), DedupeID: "once"})
		if !again[0].Duplicate || again[0].ID != m.ID {
			t.Errorf("its dedupe id does not count any more: %+v", again[0])
		}
		n.wantCounts(queue.Counts{})
	})
}

func TestOneMessageIsPurgedOnlyInItsState(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		ids := n.enqueue(queue.Enqueue{Value: []byte(`"out"`), Priority: 1}, message(`"ready"`), queue.Enqueue{Value: []byte(`"later"`), Delay: 3_600_000})
		n.one("default")
		for _, c := range []struct {
			id    string
			state queue.State
			want  bool
		}{
			{"nonsense", "", false},
			{"00000000-0000-7000-8000-000000000000", queue.Ready, false},
			{ids[0], "", false}, {ids[0], queue.Ready, false}, {ids[0], queue.Delayed, false},
			{ids[1], queue.Delayed, false}, {ids[1], queue.Processing, false},
			{ids[2], queue.Ready, false}, {ids[2], queue.Processing, false},
			{ids[0], queue.Processing, true}, {ids[1], queue.Ready, true}, {ids[2], "", true},
			{ids[0], queue.Processing, false}, {ids[1], "", false}, {ids[2], queue.Delayed, false},
		} {
			if got, err := n.PurgeMessage(timeout(t), nil, c.id, c.state); err != nil || got != c.want {
				t.Errorf("%s as %q: %v, %v; want %v", c.id, c.state, got, err, c.want)
			}
		}
		n.wantCounts(queue.Counts{})
		if _, err := n.PurgeMessage(timeout(t), nil, ids[0], "dead"); !errors.Is(err, kv.ErrInvalidArgument) {
			t.Errorf("an unknown state: %v", err)
		}
	})
}

// More than one transaction's worth, with messages between that are out.
func TestAPurgeOfManyGoesOnToTheEnd(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		for i, size := range []int{1000, 150, 150} {
			batch := make([]queue.Enqueue, size)
			for j := range batch {
				batch[j] = queue.Enqueue{Value: []byte(`1`), Priority: j % 2, Delay: int64(i % 2 * 3_600_000)}
			}
			n.enqueue(batch...)
		}
		taken := n.dequeue(queue.Dequeue{Max: 100})
		n.mustPurge("default", "", 1200)
		n.wantCounts(queue.Counts{Processing: 100})
		must(t, n.Ack(timeout(t), nil, taken[99].ID, taken[99].Receipt))
		n.mustPurge("default", queue.Processing, 99)
		n.wantCounts(queue.Counts{})
	})
}

func TestAPurgeWithoutTimeSaysHowFarItCame(t *testing.T) {
	n := embedded(t).node(t)
	n.enqueue(message(`1`))
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if got, err := n.PurgeMessages(ctx, "", ""); got != 0 || !errors.Is(err, kv.ErrTimeout) {
		t.Errorf("got %d, %v; want none and ErrTimeout", got, err)
	}
	n.wantCounts(queue.Counts{Pending: 1})
}

// A listener whose message was purged gets the next one at once, through whichever
// node the purge went. Nobody is woken for what nobody had.
func TestAPurgeFreesTheListenersPlaceAndWakesNobodyElse(t *testing.T) {
	d := embedded(t)
	var announced atomic.Int64
	elsewhere := d.node(t, seldom, func(c *queue.Config) { c.Announce = func([]string) { announced.Add(1) } })
	r := prometheus.NewRegistry()
	n := d.node(t, seldom, func(c *queue.Config) { c.Registerer = r })
	l := n.listen(queue.Listen{})
	n.enqueue(message(`1`), message(`2`), message(`3`), message(`4`))
	first := l.next()
	n.mustPurge("default", queue.Processing, 1)
	second := l.next()
	elsewhere.mustPurge("default", "", 2)
	elsewhere.mustPurge("default", queue.Delayed, 0)
	if got := announced.Load(); got != 0 {
		t.Errorf("the purge of what waits was announced %d times", got)
	}
	elsewhere.mustPurge("default", queue.Processing, 1)
	if got := announced.Load(); got != 1 {
		t.Errorf("the purge of what a listener had was announced %d times, want once", got)
	}
	n.Notify("default") // as the doorbell does
	n.enqueue(message(`5`))
	third := l.next()
	if got := values([]queue.Message{first, second, third}); !slices.Equal(got, []string{`1`, `2`, `5`}) {
		t.Errorf("the listener got %v", got)
	}
	families, err := r.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == "keyval_queue_purged_total" && f.Metric[0].Counter.GetValue() == 1 {
			return
		}
	}
	t.Errorf("keyval_queue_purged_total does not count the message that this node has purged")
}

func TestAPurgeLeavesWhatHasComeSinceItBegan(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		ids := n.enqueue(message(`"before"`), message(`"since"`))
		n.change("UPDATE kv_queue SET created_at=created_at+3600000 WHERE id=?", ids[1])
		n.mustPurge("default", "", 1)
		if got := n.one("default"); got.ID != ids[1] {
			t.Errorf("%s is left", got.Value)
		}
	})
}

// What a worker has taken is the worker's: every message is acked or purged, and none
// is both.
func TestAPurgeAndWorkersShareTheMessages(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		nodes := []*node{d.node(t), d.node(t)}
		const messages = 1200
		batch := make([]queue.Enqueue, messages/2)
		for i := range batch {
			batch[i] = message(`1`)
		}
		nodes[0].enqueue(batch...)
		nodes[0].enqueue(batch...)
		acked := make(chan int, len(nodes))
		for _, n := range nodes {
			go func() { acked <- n.workOff() }()
		}
		purged, err := nodes[1].PurgeMessages(timeout(t), "", "")
		must(t, err)
		total := purged
		for range nodes {
			total += <-acked
		}
		if total != messages {
			t.Errorf("%d messages were purged or acked, %d of them purged; there were %d", total, purged, messages)
		}
		nodes[0].wantCounts(queue.Counts{})
	})
}

// workOff takes and acks until nothing is left.
func (n *node) workOff() (acked int) {
	for {
		taken, err := n.Dequeue(timeout(n.t), queue.Dequeue{Max: 20, Lock: queue.MaxLock})
		if err != nil || len(taken) == 0 {
			return acked
		}
		n.ackAll(taken)
		acked += len(taken)
	}
}

func TestMessagesWithLargeValuesDieComeBackAndArePurgedAFewAtATime(t *testing.T) {
	n := embedded(t).node(t)
	const count = 20 // of 900 kB: more than a purge removes in a transaction
	for range count {
		n.enqueue(queue.Enqueue{Value: []byte(`"` + strings.Repeat("x", 900_000) + `"`), MaxAttempts: 1})
		m := n.one("default")
		must(t, n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{}))
	}
	n.wantCounts(queue.Counts{Dead: count})
	for range count {
		_, err := n.Requeue(timeout(t), nil, n.deadLetters(queue.DeadLetterList{Limit: 1})[0].ID)
		must(t, err)
	}
	n.wantCounts(queue.Counts{Pending: count})
	before := n.transactions()
	n.mustPurge("default", "", count)
	if took := n.transactions() - before; took != 2 {
		t.Errorf("the purge took %d transactions, want 2", took)
	}
	n.wantCounts(queue.Counts{})
}
