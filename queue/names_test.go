package queue_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

func TestNamesHoldEveryQueueOnlyIfThereAreNone(t *testing.T) {
	for _, c := range []struct {
		names queue.Names
		want  bool
	}{{nil, true}, {queue.Names{}, false}, {queue.Names{"b", "a"}, true}, {queue.Names{"A", "a.b", ""}, false}} {
		if got := c.names.Holds("a"); got != c.want {
			t.Errorf("%v hold a: %v, want %v", c.names, got, c.want)
		}
	}
}

// A bounded caller is one that may reach some queues only, on a node.
type bounded struct {
	*node
	queues queue.Names
}

// answers are those of everything that goes by an id, each with how many transactions it
// took: they are all that the caller learns of it.
func (b bounded) answers(id string, receipts ...string) []string {
	b.t.Helper()
	var all []string
	answer := func(what string, result any, err error) {
		b.t.Helper()
		all = append(all, fmt.Sprint(what, ": ", result, ", ", err, ", after ", b.transactions()))
	}
	ctx, start := timeout(b.t), b.transactions()
	for _, receipt := range append(receipts, "", "nonsense") {
		answer("ack", nil, b.Ack(ctx, b.queues, id, receipt))
		answer("nack", nil, b.Nack(ctx, b.queues, id, receipt, queue.Failure{}))
		answer("bury", nil, b.Nack(ctx, b.queues, id, receipt, queue.Failure{DeadLetter: true}))
		until, err := b.Extend(ctx, b.queues, id, receipt, 1000)
		answer("extend", until, err)
	}
	for _, state := range browseStates {
		deleted, err := b.PurgeMessage(ctx, b.queues, id, state)
		answer("purge", deleted, err)
	}
	letter, err := b.DeadLetter(ctx, b.queues, id)
	answer("dead letter", letter, err)
	newID, err := b.Requeue(ctx, b.queues, id)
	answer("requeue", newID, err)
	answer("delete", nil, b.DeleteDeadLetter(ctx, b.queues, id))
	for i := range all { // from the beginning on, whatever was before
		text, after, _ := strings.Cut(all[i], ", after ")
		n := int64(0)
		_, _ = fmt.Sscan(after, &n)
		all[i] = fmt.Sprint(text, ", in ", n-start)
	}
	return all
}

// contents are all messages and dead letters, whole.
func (n *node) contents() string {
	n.t.Helper()
	var all strings.Builder
	for _, table := range []string{"kv_queue", "kv_dlq", "kv_entries"} {
		rows, err := n.db.Primary().Query(timeout(n.t), sqldb.Stmt{SQL: "SELECT * FROM " + table + " ORDER BY 1"})
		must(n.t, err)
		fmt.Fprintln(&all, table, rows)
	}
	return all.String()
}

func TestWhatIsInAnotherQueueIsAsIfItWereNotThere(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t, seldom)
		key := mustKey(t, "fallback")
		n.enqueue(queue.Enqueue{Value: []byte(`"dead"`), MaxAttempts: 1, KeysIfUndelivered: []kv.Key{key}, Priority: 9})
		died := n.one("default")
		must(t, n.Nack(timeout(t), nil, died.ID, died.Receipt, queue.Failure{}))
		waits := n.enqueue(message(`"ready"`), queue.Enqueue{Value: []byte(`"later"`), Delay: 3_600_000})
		n.enqueue(queue.Enqueue{Value: []byte(`"out"`), Priority: 1, MaxAttempts: 1, KeysIfUndelivered: []kv.Key{key}})
		out := n.dequeue(queue.Dequeue{Lock: queue.MaxLock})[0]
		n.enqueue(queue.Enqueue{Value: []byte(`"own"`), Queue: "other"})
		own := n.one("other")
		before := n.contents()

		// What is sent as a receipt: that which holds the message, that with the caller's own
		// queue in the place of the message's, and that of the caller's own message.
		stamp, _, _ := strings.Cut(out.Receipt, ".")
		receipts := []string{out.Receipt, stamp + ".other", own.Receipt}
		nothing := uuid.NewString()
		for name, queues := range map[string]queue.Names{"another": {"other", "third"}, "none": {}} {
			b := bounded{n, queues}
			want := b.answers(nothing, receipts...)
			letter := n.deadLetters(queue.DeadLetterList{Limit: 1})[0].ID
			for _, id := range append([]string{out.ID, died.ID, letter}, waits...) {
				if got := b.answers(id, receipts...); !slices.Equal(got, want) {
					t.Errorf("%s: of %s learnt\n%s\nand of what is not there\n%s", name, id, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
		if got := n.contents(); got != before {
			t.Errorf("there is\n%s\nand there was\n%s", got, before)
		}
		must(t, n.Ack(timeout(t), queue.Names{"third", "default"}, out.ID, out.Receipt))
		must(t, n.Ack(timeout(t), queue.Names{"other"}, own.ID, own.Receipt))
	})
}

// A group reads what two of its operations look at once, and believes what only one
// does: whoever else is in the group, each is answered by its own bounds.
func TestABoundedCallerBesideOthersChangesNothingOfTheirs(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		const each = 20
		for range each {
			n.enqueue(message(`1`), queue.Enqueue{Value: []byte(`2`), Queue: "other"})
		}
		taken := append(n.dequeue(queue.Dequeue{Max: each}), n.dequeue(queue.Dequeue{Queue: "other", Max: each})...)
		done := make(chan struct{}, 3*len(taken))
		for _, m := range taken {
			stamp, _, _ := strings.Cut(m.Receipt, ".")
			for _, receipt := range []string{m.Receipt, stamp + ".third", ""} {
				go func() {
					err := n.Ack(timeout(t), queue.Names{"third"}, m.ID, receipt)
					if (receipt == "") != (err == nil) || receipt != "" && !errors.Is(err, queue.ErrLockLost) {
						t.Errorf("ack with %q: %v", receipt, err)
					}
					done <- struct{}{}
				}()
			}
		}
		for _, m := range taken {
			if _, err := n.Extend(timeout(t), queue.Names{m.Queue}, m.ID, m.Receipt, queue.MaxLock); err != nil {
				t.Errorf("extend: %v", err)
			}
			must(t, n.Ack(timeout(t), queue.Names{m.Queue}, m.ID, m.Receipt))
		}
		for range cap(done) {
			<-done
		}
	})
}

// What goes by a queue's name shows nothing of another, whatever cursor is sent: one of
// another queue's list, or one that was made up with the right binding.
func TestNoCursorLeadsOutOfItsQueue(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		ids := map[string][]string{}
		for _, name := range []string{"a", "other", "z"} {
			for range 3 {
				ids[name] = append(ids[name], n.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: name, MaxAttempts: 1}, queue.Enqueue{Value: []byte(`1`), Queue: name, Priority: -1})...)
			}
			for _, m := range n.dequeue(queue.Dequeue{Queue: name, Max: 2, Lock: queue.MaxLock}) {
				must(t, n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{}))
			}
			n.dequeue(queue.Dequeue{Queue: name, Max: 2, Lock: queue.MaxLock})
		}
		for _, state := range browseStates {
			binding := []byte("queue messages/other/" + string(state))
			for _, parts := range [][]any{
				{false, 128.0, 0.0, 0.0}, {true, 128.0, 0.0, 0.0}, {true, -128.0, 0.0, -1.0}, {false, 0.0, -1.0, 0.0}, {false, 1e9, 1e15, 1e15},
			} {
				messages, _, err := n.Browse(timeout(t), queue.Browse{Queue: "other", State: state, Limit: 100, MaxBytes: 1 << 20,
					Cursor: kv.EncodeCursor(mustKey(t, parts...), binding)})
				must(t, err)
				for _, m := range messages {
					if !slices.Contains(ids["other"], m.ID) {
						t.Errorf("%q from %v shows %+v of another queue", state, parts, m)
					}
				}
			}
		}
		_, cursor, err := n.Browse(timeout(t), queue.Browse{Queue: "z", Limit: 1, MaxBytes: 1 << 20})
		must(t, err)
		if _, _, err := n.Browse(timeout(t), queue.Browse{Queue: "other", Limit: 1, Cursor: cursor}); !errors.Is(err, kv.ErrInvalidCursor) {
			t.Errorf("the cursor of another queue: %v", err)
		}
		for _, list := range []queue.DeadLetterList{{Limit: 1}, {Queue: "z", Limit: 1}, {Queue: "a", Limit: 1}} {
			_, cursor, err := n.DeadLetters(timeout(t), list)
			must(t, err)
			for _, l := range n.deadLetters(queue.DeadLetterList{Queue: "other", Limit: 100, Cursor: cursor}) {
				if l.Queue != "other" {
					t.Errorf("with the cursor of %+v there is %+v", list, l)
				}
			}
		}
	})
}
