package queue_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/buntime/keyval/queue"
)

func TestAMessageIsDeliveredOnceAndGoneAfterItsAck(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		ids := n.enqueue(message(`{"job":1}`))
		m := n.one("default")
		if m.ID != ids[0] || string(m.Value) != `{"job":1}` || m.Attempts != 1 || m.Queue != "default" || m.EnqueuedAt == 0 {
			t.Errorf("got %+v, want message %s on its first attempt", m, ids[0])
		}
		n.none("default")
		if got, want := n.stats("default"), (queue.Counts{Processing: 1}); got != want {
			t.Errorf("counts are %+v, want %+v", got, want)
		}
		must(t, n.Ack(timeout(t), nil, m.ID, m.Receipt))
		n.none("default")
		if got, want := n.stats("default"), (queue.Counts{}); got != want {
			t.Errorf("counts are %+v, want %+v", got, want)
		}
	})
}

func TestHigherPriorityComesFirstThenEarlierReadinessThenArrival(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.enqueue(
			queue.Enqueue{Value: []byte(`"low"`), Priority: -128},
			queue.Enqueue{Value: []byte(`"first"`)},
			queue.Enqueue{Value: []byte(`"second"`)},
			queue.Enqueue{Value: []byte(`"later"`), Priority: 127, Delay: 3_600_000},
			queue.Enqueue{Value: []byte(`"high"`), Priority: 127},
		)
		n.enqueue(message(`"third"`))
		got := values(n.dequeue(queue.Dequeue{Max: 100}))
		want := []string{`"high"`, `"first"`, `"second"`, `"third"`, `"low"`}
		if !slices.Equal(got, want) {
			t.Errorf("delivered %v, want %v", got, want)
		}
		if got, want := n.stats("default"), (queue.Counts{Pending: 1, Delayed: 1, Processing: 5}); got != want {
			t.Errorf("counts are %+v, want %+v", got, want)
		}
	})
}

func TestAStaleReceiptChangesNothing(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.enqueue(message(`1`), message(`2`))
		taken := n.dequeue(queue.Dequeue{Max: 2})
		first, second := taken[0], taken[1]
		for name, receipt := range map[string]string{"another message's": second.Receipt, "unknown": "x"} {
			if err := n.Ack(timeout(t), nil, first.ID, receipt); !errors.Is(err, queue.ErrLockLost) {
				t.Errorf("ack with %s receipt: %v, want ErrLockLost", name, err)
			}
			if err := n.Nack(timeout(t), nil, first.ID, receipt, queue.Failure{}); !errors.Is(err, queue.ErrLockLost) {
				t.Errorf("nack with %s receipt: %v, want ErrLockLost", name, err)
			}
			if _, err := n.Extend(timeout(t), nil, first.ID, receipt, 1000); !errors.Is(err, queue.ErrLockLost) {
				t.Errorf("extend with %s receipt: %v, want ErrLockLost", name, err)
			}
		}
		if got, want := n.stats("default"), (queue.Counts{Processing: 2}); got != want {
			t.Errorf("counts are %+v, want %+v", got, want)
		}
		must(t, n.Ack(timeout(t), nil, first.ID, first.Receipt))
		if err := n.Ack(timeout(t), nil, first.ID, first.Receipt); !errors.Is(err, queue.ErrLockLost) {
			t.Errorf("second ack: %v, want ErrLockLost", err)
		}
		must(t, n.Ack(timeout(t), nil, first.ID, ""))
	})
}
