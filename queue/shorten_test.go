package queue_test

import (
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/queue"
)

func TestALockThatIsShortenedWakesWhoWaitsAtItsNewEnd(t *testing.T) {
	for name, wait := range map[string]func(n *node, name string) (next func() queue.Message){
		"a dequeue": func(n *node, name string) func() queue.Message {
			got := make(chan queue.Message, 1)
			go func() { got <- n.one(name) }()
			return func() queue.Message { return <-got }
		},
		"a listener": func(n *node, name string) func() queue.Message {
			return n.listen(queue.Listen{Queue: name}).next
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEachDatabase(t, func(t *testing.T, d database) {
				elsewhere := d.node(t, seldom)
				n := d.node(t, func(c *queue.Config) {
					seldom(c)
					c.Announce = func(queues []string) { elsewhere.Notify(queues...) }
				})
				for where, waiting := range map[string]*node{"here": n, "elsewhere": elsewhere} {
					id := n.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: where})[0]
					taken := n.dequeue(queue.Dequeue{Queue: where, Lock: queue.MaxLock})[0]
					next := wait(waiting, where)
					await.That(t, "it waits", func() bool { return waiting.Waiting(where) > 0 && waiting.Quiet(where) })
					if _, err := n.Extend(timeout(t), nil, id, taken.Receipt, 200); err != nil {
						t.Fatal(err)
					}
					m := next()
					if m.ID != id || m.Attempts != 2 {
						t.Errorf("%s: got %s, attempt %d; want the same message again", where, m.ID, m.Attempts)
					}
					must(t, n.Ack(timeout(t), nil, m.ID, m.Receipt))
				}
			})
		})
	}
}

func TestTheMessageOfAListenerWhoseLockIsShortenedMakesRoom(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t, seldom)
		l := n.listen(queue.Listen{Lock: queue.MaxLock})
		n.enqueue(queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1}, message(`2`))
		first := l.next()
		if _, err := n.Extend(timeout(t), nil, first.ID, first.Receipt, 200); err != nil {
			t.Fatal(err)
		}
		if m := l.next(); string(m.Value) != `2` {
			t.Errorf("got %s, want 2", m.Value)
		}
	})
}
