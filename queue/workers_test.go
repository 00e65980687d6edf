package queue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
)

// A ledger notes what workers have done with each message.
type ledger struct {
	mu    sync.Mutex
	acked map[string]int
	taken map[string]int
}

func newLedger() *ledger { return &ledger{acked: map[string]int{}, taken: map[string]int{}} }

func (l *ledger) took(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[id]++
}

func (l *ledger) ack(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[id]++
}

func (l *ledger) done() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func TestWorkersOfTwoNodesAckEachMessageOnce(t *testing.T) { workersAckOnce(t, 80) }

func TestSoakWorkersOfTwoNodesAckEachMessageOnce(t *testing.T) {
	nodetest.OnlyInSoak(t)
	workersAckOnce(t, 2000)
}

func workersAckOnce(t *testing.T, messages int) {
	onEachDatabase(t, func(t *testing.T, d database) {
		nodes := []*node{d.node(t), d.node(t)}
		book := newLedger()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { nodes[i%2].work(ctx, book, messages) })
		}
		var enqueued sync.WaitGroup
		for i := range 4 {
			enqueued.Go(func() {
				for range messages / 4 {
					nodes[i%2].enqueue(message(`1`))
				}
			})
		}
		enqueued.Wait()
		wg.Wait()
		for id, n := range book.acked {
			if n != 1 || book.taken[id] != 1 {
				t.Errorf("message %s was taken %d times and acked %d times, want once", id, book.taken[id], n)
			}
		}
		nodes[0].wantCounts(queue.Counts{})
	})
}

// work takes and acks until all messages are done.
func (n *node) work(ctx context.Context, book *ledger, messages int) {
	for book.done() < messages/4*4 && ctx.Err() == nil {
		found, err := n.Dequeue(ctx, queue.Dequeue{Wait: 100, Max: 3, Lock: queue.MaxLock})
		if err != nil {
			n.t.Error(err)
			return
		}
		for _, m := range found {
			book.took(m.ID)
			if err := n.Ack(ctx, nil, m.ID, m.Receipt); err != nil {
				n.t.Errorf("ack of %s: %v", m.ID, err)
				continue
			}
			book.ack(m.ID)
		}
	}
}

func TestNothingIsLostOrStaysLockedWhenWorkersDie(t *testing.T) { workersDie(t, 60) }

func TestSoakNothingIsLostOrStaysLockedWhenWorkersDie(t *testing.T) {
	nodetest.OnlyInSoak(t)
	workersDie(t, 1000)
}

func workersDie(t *testing.T, messages int) {
	onEachDatabase(t, func(t *testing.T, d database) {
		survivor, doomed := d.node(t), d.node(t)
		all := make([]queue.Enqueue, messages)
		for i := range all {
			// However often it is taken by one of those who die.
			all[i] = queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1000}
		}
		survivor.enqueue(all...)
		// These take and die with what they have; their node dies as well.
		book := newLedger()
		var dying sync.WaitGroup
		for range 8 {
			dying.Go(func() {
				for range 5 {
					if _, err := doomed.Dequeue(t.Context(), queue.Dequeue{Max: 4, Lock: 500}); err != nil && !errors.Is(err, queue.ErrClosed) {
						t.Error(err)
					}
				}
			})
		}
		dying.Wait()
		doomed.stop()
		doomed.stop = func() {}

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { survivor.work(ctx, book, messages) })
		}
		wg.Wait()
		if got := book.done(); got != messages {
			t.Errorf("%d messages were acked, want %d", got, messages)
		}
		survivor.wantCounts(queue.Counts{})
	})
}

func TestNothingIsLostWhenAnswersAre(t *testing.T) { answersAreLost(t, 40) }

func TestSoakNothingIsLostWhenAnswersAre(t *testing.T) {
	nodetest.OnlyInSoak(t)
	answersAreLost(t, 400)
}

func answersAreLost(t *testing.T, messages int) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
	n := database{"http://" + proxy.Addr()}.node(t)
	book := newLedger()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	ids := map[string]bool{}
	var mu sync.Mutex
	settled := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(ids) + book.done()
	}
	var cutting sync.WaitGroup
	stop := make(chan struct{})
	cutting.Go(func() {
		tick := time.NewTicker(40 * time.Millisecond)
		defer tick.Stop()
		for cutAt := -1; ; {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			// However slow the machine is, something comes through between two cuts.
			if now := settled(); now != cutAt {
				cutAt = now
				proxy.CutConnections()
			}
		}
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range messages / 4 {
				id, ok := n.tryEnqueue(ctx)
				for !ok && ctx.Err() == nil {
					id, ok = n.tryEnqueue(ctx)
				}
				mu.Lock()
				ids[id] = true
				mu.Unlock()
			}
		})
		wg.Go(func() { n.workThrough(ctx, book, messages/4*4) })
	}
	wg.Wait()
	close(stop)
	cutting.Wait()
	if ctx.Err() != nil {
		t.Fatalf("only %d of %d messages were acked in time", book.done(), messages)
	}
	for id := range ids {
		if book.acked[id] != 1 {
			t.Errorf("message %s was acked %d times, want once", id, book.acked[id])
		}
		if book.taken[id] != 1 {
			t.Errorf("message %s was delivered %d times, want once: no lock has ended", id, book.taken[id])
		}
	}
	await.That(t, "nothing is left", func() bool {
		stats, err := n.Stats(timeout(t))
		return err == nil && stats.Total() == 0
	})
}

// tryEnqueue enqueues a message whose id makes a repetition harmless.
func (n *node) tryEnqueue(ctx context.Context) (id string, ok bool) {
	part, err := n.NewPart([]queue.Enqueue{message(`1`)})
	if err == nil {
		_, err = n.store.Atomic(ctx, kv.AtomicRequest{Parts: []sqldb.Part{part}})
	}
	if err != nil {
		if !errors.Is(err, sqldb.ErrUnavailable) && ctx.Err() == nil {
			n.t.Errorf("enqueue: %v", err)
		}
		return "", false
	}
	return part.Enqueued()[0].ID, true
}

// workThrough is work on a connection that breaks.
func (n *node) workThrough(ctx context.Context, book *ledger, messages int) {
	for book.done() < messages && ctx.Err() == nil {
		found, err := n.Dequeue(ctx, queue.Dequeue{Wait: 50, Max: 3, Lock: queue.MaxLock})
		if err != nil && !errors.Is(err, sqldb.ErrUnavailable) {
			n.t.Errorf("dequeue: %v", err)
		}
		for _, m := range found {
			book.took(m.ID)
			for ctx.Err() == nil {
				err := n.Ack(ctx, nil, m.ID, m.Receipt)
				if err == nil {
					book.ack(m.ID)
					break
				}
				if !errors.Is(err, sqldb.ErrUnavailable) {
					n.t.Errorf("ack: %v", err)
					break
				}
			}
		}
	}
}

func TestMessagesOfALostAnswerAreFoundAgain(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
	n := database{"http://" + proxy.Addr()}.node(t)
	id := n.enqueue(message(`1`))[0]
	cut := proxy.CutNextAnswer([]byte("SET status='processing'"))
	m := n.one("default")
	must(t, cut.Wait(timeout(t)))
	if m.ID != id || m.Attempts != 1 {
		t.Errorf("got %+v, want message %s on its first attempt", m, id)
	}
	cut = proxy.CutNextAnswer([]byte("DELETE FROM kv_queue"))
	must(t, n.Ack(timeout(t), nil, m.ID, m.Receipt))
	must(t, cut.Wait(timeout(t)))
	n.wantCounts(queue.Counts{})
}
