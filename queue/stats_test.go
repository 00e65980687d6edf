package queue_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

func TestStatsCountEveryQueueInEveryState(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		want := map[string]queue.Counts{}
		total := queue.Counts{}
		for i, name := range []string{"a", "b", "c"} {
			c := queue.Counts{Delayed: int64(3 + i), Processing: int64(2 + i), Dead: int64(1 + i)}
			c.Pending = c.Delayed + int64(5+i)
			var all []queue.Enqueue
			for range c.Dead + c.Processing + c.Pending - c.Delayed {
				all = append(all, queue.Enqueue{Value: []byte(`1`), Queue: name, MaxAttempts: 1, Priority: rand.IntN(5)})
			}
			for range c.Delayed {
				all = append(all, queue.Enqueue{Value: []byte(`1`), Queue: name, Delay: 3_600_000, Priority: rand.IntN(5)})
			}
			n.enqueue(all...)
			for _, m := range n.dequeue(queue.Dequeue{Queue: name, Max: int(c.Dead)}) {
				must(t, n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{}))
			}
			n.dequeue(queue.Dequeue{Queue: name, Max: int(c.Processing)})
			want[name] = c
			total.Pending += c.Pending
			total.Delayed += c.Delayed
			total.Processing += c.Processing
			total.Dead += c.Dead
		}
		stats, err := n.Stats(timeout(t))
		must(t, err)
		for name, c := range want {
			got := stats.Queues[name]
			if got.OldestReady <= 0 {
				t.Errorf("the oldest ready message of %s has waited %d ms", name, got.OldestReady)
			}
			got.OldestReady = 0
			if got != c {
				t.Errorf("%s: %+v, want %+v", name, got, c)
			}
		}
		stats.OldestReady = 0
		if stats.Counts != total || len(stats.Queues) != len(want) {
			t.Errorf("in all %+v of %d queues, want %+v", stats.Counts, len(stats.Queues), total)
		}
	})
}

func TestDeadLettersAreListedNewestFirstPageByPage(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		const letters = 13
		for i := range letters {
			n.enqueue(queue.Enqueue{Value: fmt.Append(nil, i), Queue: []string{"even", "odd"}[i%2], MaxAttempts: 1})
			n.change("UPDATE keyval_sequence SET time=time+1") // so that each has its own time
			m := n.one([]string{"even", "odd"}[i%2])
			must(t, n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{}))
		}
		var got []string
		cursor := ""
		for pages := 0; ; pages++ {
			page, next, err := n.DeadLetters(timeout(t), queue.DeadLetterList{Limit: 5, Cursor: cursor})
			must(t, err)
			for _, l := range page {
				got = append(got, string(l.Value))
			}
			if next == "" {
				if pages != 2 {
					t.Errorf("%d pages, want 3", pages+1)
				}
				break
			}
			cursor = next
		}
		for i, v := range got {
			if want := fmt.Sprint(letters - 1 - i); v != want {
				t.Errorf("place %d has %s, want %s", i, v, want)
			}
		}
		odd := n.deadLetters(queue.DeadLetterList{Queue: "odd", Offset: 2, Limit: 2})
		if len(odd) != 2 || string(odd[0].Value) != "7" || string(odd[1].Value) != "5" {
			t.Errorf("got %+v", odd)
		}
		if _, _, err := n.DeadLetters(timeout(t), queue.DeadLetterList{Limit: 1, Cursor: "x"}); !errors.Is(err, kv.ErrInvalidCursor) {
			t.Errorf("a foreign cursor: %v, want ErrInvalidCursor", err)
		}
		deleted, err := n.PurgeDeadLetters(timeout(t), "odd")
		must(t, err)
		if deleted != 6 || len(n.deadLetters(queue.DeadLetterList{})) != 7 {
			t.Errorf("purged %d, %d are left; want 6 and 7", deleted, len(n.deadLetters(queue.DeadLetterList{})))
		}
	})
}

func TestARequeuedMessageKeepsItsOptionsAndStartsAnew(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		key := mustKey(t, "failed")
		n.enqueue(queue.Enqueue{Value: []byte(`1`), Backoff: []int64{0}, Priority: 9, KeysIfUndelivered: []kv.Key{key}}, message(`2`))
		die := func() {
			for range 2 {
				m := n.one("default")
				must(t, n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{}))
			}
		}
		die()
		id := n.deadLetters(queue.DeadLetterList{})[0].ID
		newID, err := n.Requeue(timeout(t), nil, id)
		must(t, err)
		if _, err := n.Requeue(timeout(t), nil, id); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("requeued twice: %v, want ErrNotFound", err)
		}
		n.wantCounts(queue.Counts{Pending: 2})
		die() // of higher priority than the other, and dead after two attempts again
		letter := n.deadLetters(queue.DeadLetterList{})[0]
		if letter.OriginalID != newID || letter.Attempts != 2 || letter.ID == id {
			t.Errorf("got %+v, want the death of %s", letter, newID)
		}
		must(t, n.DeleteDeadLetter(timeout(t), nil, letter.ID))
		must(t, n.DeleteDeadLetter(timeout(t), nil, letter.ID))
		n.wantCounts(queue.Counts{Pending: 1})
	})
}

// large is a string value of size bytes.
func large(size int) []byte {
	return fmt.Appendf(nil, "%q", strings.Repeat("x", size-2))
}

func TestLargeMessagesComeInPortions(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		const messages, size = 3, 530 << 10 // two of them end a portion
		key := mustKey(t, "failed")
		for range messages {
			n.enqueue(queue.Enqueue{Value: large(size), MaxAttempts: 1, KeysIfUndelivered: []kv.Key{key}})
		}
		got := 0
		for got < messages {
			found := n.dequeue(queue.Dequeue{Max: 100, Wait: queue.MaxWait})
			if len(found) == 0 {
				t.Fatalf("got %d messages, want %d", got, messages)
			}
			got += len(found)
		}
		n.endLocks()
		if swept := n.sweep(); swept != messages {
			t.Errorf("swept %d, want %d", swept, messages)
		}
		if letters := n.deadLetters(queue.DeadLetterList{}); len(letters) != messages || len(letters[0].Value) < size {
			t.Errorf("%d dead letters, want %d", len(letters), messages)
		}
		if e := n.get(key); len(e.Value) < size {
			t.Errorf("the fallback key has %d bytes", len(e.Value))
		}
	})
}

func TestConcurrentLastNacksOfLargeMessagesAllSucceed(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		// More than the 10 MB that the database sends in one answer.
		const messages = 10
		all := make([]queue.Enqueue, messages)
		for i := range all {
			all[i] = queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1, KeysIfUndelivered: []kv.Key{mustKey(t, "failed")}}
		}
		n.enqueue(all...)
		taken := n.dequeue(queue.Dequeue{Max: messages, Lock: queue.MaxLock})
		// They become large where they are: a server gives what is large slowly.
		n.change(`UPDATE kv_queue SET value='"'||hex(zeroblob((?1-2)/2))||'"',size=?1`, int64(1<<20))
		failed := make(chan error, messages)
		for _, m := range taken {
			go func() { failed <- n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{}) }()
		}
		for range taken {
			if err := <-failed; err != nil {
				t.Errorf("nack: %v", err)
			}
		}
		n.wantCounts(queue.Counts{Dead: messages})
		if e := n.get(mustKey(t, "failed")); len(e.Value) != 1<<20 {
			t.Errorf("the fallback key has %d bytes, want %d", len(e.Value), 1<<20)
		}
	})
}

func TestOnlyTheFirstQueuesHaveMetricsOfTheirOwn(t *testing.T) {
	n := embedded(t).node(t)
	for i := range 150 {
		name := fmt.Sprint("q", i)
		want := name
		if i >= 100 {
			want = "(other)"
		}
		if got := n.Label(name); got != want {
			t.Errorf("queue %s is %s in metrics, want %s", name, got, want)
		}
	}
}
