package queue_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// browseAll looks at everything that b selects, page by page.
func (n *node) browseAll(b queue.Browse) []queue.Browsed {
	n.t.Helper()
	all := []queue.Browsed{}
	b.MaxBytes = 1 << 20
	for {
		page, cursor, err := n.Browse(timeout(n.t), b)
		must(n.t, err)
		if len(page) > b.Limit {
			n.t.Fatalf("a page has %d messages, want at most %d", len(page), b.Limit)
		}
		all = append(all, page...)
		if cursor == "" {
			return all
		}
		b.Cursor = cursor
	}
}

// browsedValues are the values of what b selects, in order.
func (n *node) browsedValues(b queue.Browse) string {
	n.t.Helper()
	found := []string{}
	for _, m := range n.browseAll(b) {
		found = append(found, string(m.Value))
	}
	return strings.Join(found, " ")
}

// mixed fills the default queue: c is processed, then come a and b, d and e later.
func (n *node) mixed() (processed queue.Message) {
	n.t.Helper()
	n.enqueue(queue.Enqueue{Value: []byte(`"c"`), Priority: 9})
	n.enqueue(queue.Enqueue{Value: []byte(`"b"`)})
	n.enqueue(queue.Enqueue{Value: []byte(`"e"`), Delay: 7_200_000})
	n.enqueue(queue.Enqueue{Value: []byte(`"d"`), Delay: 3_600_000})
	n.enqueue(queue.Enqueue{Value: []byte(`"a"`), Priority: 1})
	n.enqueue(queue.Enqueue{Value: []byte(`"other"`), Queue: "other"})
	return n.one("default")
}

func TestABrowseShowsTheMessagesOfAQueueInOrderAndTakesNone(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		processed := n.mixed()
		counts := queue.Counts{Pending: 4, Delayed: 2, Processing: 1}
		for state, want := range map[queue.State]string{
			"": `"a" "b" "d" "e" "c"`, queue.Ready: `"a" "b"`, queue.Delayed: `"d" "e"`, queue.Processing: `"c"`,
		} {
			for limit := 1; limit <= 6; limit++ {
				if got := n.browsedValues(queue.Browse{State: state, Limit: limit}); got != want {
					t.Errorf("%q by %d: got %s, want %s", state, limit, got, want)
				}
			}
		}
		n.wantCounts(counts)
		all := n.browseAll(queue.Browse{Limit: 100})
		now := all[0].EnqueuedAt
		for _, m := range all {
			if off := time.Duration(m.EnqueuedAt-now) * time.Millisecond; m.ID == "" || off.Abs() > time.Minute {
				t.Errorf("got %+v", m)
			}
		}
		if a := all[0]; a.Priority != 1 || a.ReadyAt != a.EnqueuedAt || a.Attempts != 0 || a.LockedUntil != 0 {
			t.Errorf("the first is %+v", a)
		}
		if later := all[2]; later.ReadyAt != later.EnqueuedAt+3_600_000 {
			t.Errorf("the delayed one is %+v", later)
		}
		if c := all[4]; c.ID != processed.ID || c.Attempts != 1 || c.ReadyAt != c.EnqueuedAt || c.LockedUntil <= c.EnqueuedAt {
			t.Errorf("the one that is processed is %+v", c)
		}
		must(t, n.Ack(timeout(t), nil, processed.ID, processed.Receipt))
	})
}

func TestAMessageWhoseLockHasEndedIsReadyOrWaitsToDie(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t, seldom)
		n.enqueue(message(`"again"`), queue.Enqueue{Value: []byte(`"last"`), MaxAttempts: 1})
		n.dequeue(queue.Dequeue{Max: 2})
		n.endLocks()
		again, last := n.browseAll(queue.Browse{State: queue.Ready, Limit: 9}), n.browseAll(queue.Browse{State: queue.Processing, Limit: 9})
		if len(again) != 1 || string(again[0].Value) != `"again"` || again[0].ReadyAt != 1 || again[0].LockedUntil != 0 || again[0].Attempts != 1 {
			t.Errorf("ready are %+v", again)
		}
		if len(last) != 1 || string(last[0].Value) != `"last"` || last[0].LockedUntil != 1 {
			t.Errorf("processing are %+v", last)
		}
		n.wantCounts(queue.Counts{Pending: 1, Processing: 1})
	})
}

// Messages of one millisecond are told apart by their arrival.
func TestPagesOfMessagesFollowOneAnother(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		const messages = 115
		batch, want := make([]queue.Enqueue, messages), []string{}
		for priority := 2; priority >= 0; priority-- {
			for i := range batch {
				if i%3 == priority {
					want = append(want, fmt.Sprint(i))
				}
			}
		}
		for i := range batch {
			batch[i] = queue.Enqueue{Value: fmt.Append(nil, i), Priority: i % 3}
		}
		n.enqueue(batch...)
		for _, limit := range []int{1, 7, 50, 1000} {
			if got := n.browsedValues(queue.Browse{State: queue.Ready, Limit: limit}); got != strings.Join(want, " ") {
				t.Errorf("by %d: got %s, want %s", limit, got, want)
			}
		}
		delivered := []string{}
		for {
			taken := n.dequeue(queue.Dequeue{Max: 100})
			if len(taken) == 0 {
				break
			}
			delivered = append(delivered, values(taken)...)
		}
		if !slices.Equal(delivered, want) {
			t.Errorf("delivered %v, want %v", delivered, want)
		}
	})
}

func TestACursorOfMessagesBelongsToItsQueueAndState(t *testing.T) {
	n := embedded(t).node(t)
	n.mixed()
	n.enqueue(message(`1`))
	n.one("default") // now there are two in each state
	for _, state := range browseStates {
		_, cursor, err := n.Browse(timeout(t), queue.Browse{State: state, Limit: 1})
		must(t, err)
		if cursor == "" {
			t.Fatalf("%q has one message only", state)
		}
		others := []queue.Browse{
			{Queue: "other", State: state, Cursor: cursor},
			{State: state, Cursor: "x"},
			{State: state, Cursor: cursor[1:]},
			{State: state, Cursor: kv.EncodeCursor(mustKey(t, "a"), []byte("queue messages/default/"+string(state)))},
		}
		for _, other := range browseStates {
			if other != state {
				others = append(others, queue.Browse{State: other, Cursor: cursor})
			}
		}
		for _, other := range others {
			if _, _, err := n.Browse(timeout(t), other); !errors.Is(err, kv.ErrInvalidCursor) {
				t.Errorf("the cursor of %q for %+v: %v, want ErrInvalidCursor", state, other, err)
			}
		}
	}
	for _, b := range []queue.Browse{{Queue: "a b"}, {State: "dead"}, {State: "pending"}} {
		if _, _, err := n.Browse(timeout(t), b); !errors.Is(err, kv.ErrInvalidArgument) {
			t.Errorf("%+v: %v, want ErrInvalidArgument", b, err)
		}
	}
}

func TestAPageOfLargeMessagesEndsBeforeItsAnswerIsTooLarge(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		const size = 530 << 10 // two of them stop a statement
		for range 3 {
			n.enqueue(queue.Enqueue{Value: large(size)})
		}
		for _, c := range []struct {
			bytes int
			want  []int
		}{{1, []int{1, 1, 1}}, {size*3 - 1, []int{2, 1}}, {size * 3, []int{3}}} {
			got := []int{}
			for b := (queue.Browse{Limit: 1000, MaxBytes: c.bytes}); ; {
				page, cursor, err := n.Browse(timeout(t), b)
				must(t, err)
				got = append(got, len(page))
				if b.Cursor = cursor; cursor == "" {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%d bytes: pages of %v messages, want %v", c.bytes, got, c.want)
			}
		}
	})
}
