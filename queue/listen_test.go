package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// seldom keeps a node from finding anything by looking once in a while.
func seldom(c *queue.Config) { c.LookInterval = time.Hour }

func TestAWaitingDequeueIsAnsweredByAnEnqueueOfItsNode(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t, seldom)
		got := make(chan queue.Message)
		go func() { got <- n.one("jobs") }()
		n.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: "jobs"})
		if m := <-got; string(m.Value) != `1` {
			t.Errorf("got %s", m.Value)
		}
	})
}

func TestADelayedMessageArrivesWhenItIsDue(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n, other := d.node(t, seldom), d.node(t, seldom)
		// One that waits when the message comes, one that finds it delayed.
		l := n.listen(queue.Listen{Queue: "own"})
		for _, name := range []string{"own", "found"} {
			by := n
			if name == "found" {
				by = other
			}
			start := time.Now()
			by.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: name, Delay: 300})
			if name == "found" {
				l = n.listen(queue.Listen{Queue: name})
			}
			l.next()
			if took := time.Since(start); took < 300*time.Millisecond {
				t.Errorf("%s: came after %v, before it was due", name, took)
			}
		}
	})
}

func TestMessagesOfOtherNodesAreFoundByTheDoorbellAndByLooking(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		var mu sync.Mutex
		var rung []string
		listening := d.node(t, seldom)
		other := d.node(t, func(c *queue.Config) {
			c.Announce = func(queues []string) {
				mu.Lock()
				rung = append(rung, queues...)
				mu.Unlock()
				listening.Notify(queues...)
			}
		})
		looking := d.node(t, func(c *queue.Config) { c.LookInterval = 50 * time.Millisecond })

		l := listening.listen(queue.Listen{Queue: "rung"})
		first := other.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: "rung"}, queue.Enqueue{Value: []byte(`2`), Queue: "rung"})[0]
		m := l.next()
		// Acked through another node: the doorbell makes room here.
		must(t, other.Ack(timeout(t), nil, m.ID, m.Receipt))
		if second := l.next(); m.ID != first || string(second.Value) != `2` {
			t.Errorf("got %s, then %s", m.Value, second.Value)
		}
		mu.Lock()
		if !slices.Contains(rung, "rung") {
			t.Errorf("the doorbell rang for %v", rung)
		}
		mu.Unlock()

		quiet := looking.listen(queue.Listen{Queue: "quiet"})
		listening.enqueue(queue.Enqueue{Value: []byte(`3`), Queue: "quiet"}, queue.Enqueue{Value: []byte(`4`), Queue: "quiet"})
		must(t, listening.Ack(timeout(t), nil, quiet.next().ID, ""))
		if m := quiet.next(); string(m.Value) != `4` {
			t.Errorf("got %s, want 4", m.Value)
		}
	})
}

func TestAListenerHasNoMoreOutThanItsConcurrency(t *testing.T) {
	n := embedded(t).node(t)
	l := n.listen(queue.Listen{Concurrency: 2})
	n.enqueue(message(`1`), message(`2`), message(`3`), message(`4`), message(`5`))
	first, second := l.next(), l.next()
	n.wantCounts(queue.Counts{Pending: 3, Processing: 2})
	l.nothing()
	must(t, n.Ack(timeout(t), nil, second.ID, second.Receipt))
	if m := l.next(); string(m.Value) != `3` {
		t.Errorf("got %s after an ack, want 3", m.Value)
	}
	delay := int64(3_600_000)
	must(t, n.Nack(timeout(t), nil, first.ID, "", queue.Failure{Delay: &delay}))
	fourth := l.next()
	must(t, n.Release(timeout(t), []queue.Message{fourth}))
	if m := l.next(); m.ID != fourth.ID || m.Attempts != 1 {
		t.Errorf("got %s after a release, want the same again", m.Value)
	}
	l.nothing()
	n.wantCounts(queue.Counts{Pending: 2, Delayed: 1, Processing: 2})
}

func TestAnEndedLockMakesRoomForAListener(t *testing.T) {
	t.Parallel()
	n := embedded(t).node(t, seldom)
	l := n.listen(queue.Listen{Lock: 500})
	n.enqueue(queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1}, message(`2`))
	first := l.next()
	// Renewed once, so that it is the database that tells when it has ended. On a
	// slow machine it has ended already.
	if _, err := n.Extend(timeout(t), nil, first.ID, first.Receipt, 700); err != nil && !errors.Is(err, queue.ErrLockLost) {
		t.Fatal(err)
	}
	if m := l.next(); string(m.Value) != `2` {
		t.Errorf("got %s, want 2", m.Value)
	}
}

func TestAClosedListenerGivesBackWhatNobodyHasFetched(t *testing.T) {
	n := embedded(t).node(t)
	l := n.listen(queue.Listen{Concurrency: 3})
	n.enqueue(message(`1`), message(`2`), message(`3`))
	l.next()
	await.That(t, "all are out", func() bool { return n.stats("default").Processing == 3 })
	must(t, l.Close(context.Background()))
	n.wantCounts(queue.Counts{Pending: 2, Processing: 1})
	for _, m := range n.dequeue(queue.Dequeue{Max: 10}) {
		if m.Attempts != 1 {
			t.Errorf("message %s is on attempt %d, want 1", m.Value, m.Attempts)
		}
	}
	must(t, l.Close(context.Background()))
}

func TestListenersOfOneQueueTakeTurns(t *testing.T) {
	n := embedded(t).node(t)
	a, b := n.listen(queue.Listen{Concurrency: 100}), n.listen(queue.Listen{Concurrency: 100})
	got := map[*listener]int{}
	for range 20 {
		n.enqueue(message(`1`))
		await.That(t, "one gets it", func() bool {
			for _, l := range []*listener{a, b} {
				if _, ok := l.Next(); ok {
					got[l]++
					return true
				}
			}
			return false
		})
	}
	if got[a] != 10 || got[b] != 10 {
		t.Errorf("they got %d and %d messages, want 10 each", got[a], got[b])
	}
}

func TestADequeueThatIsAbandonedLosesNoMessage(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		const messages = 100
		all := make([]queue.Enqueue, messages)
		for i := range all {
			all[i] = queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1}
		}
		n.enqueue(all...)
		// Cancel at all moments of the taking.
		var wg sync.WaitGroup
		var mu sync.Mutex
		var taken []queue.Message
		for i := range messages {
			wg.Go(func() {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Duration(i)*200*time.Microsecond, context.Canceled)
				defer cancel()
				found, err := n.Dequeue(ctx, queue.Dequeue{Wait: 1000, Lock: queue.MaxLock})
				if err != nil && !errors.Is(err, kv.ErrTimeout) {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				taken = append(taken, found...)
			})
		}
		wg.Wait()
		n.ackAll(taken)
		got := len(taken)
		// A round may still be taking for those who have gone: what it takes is given
		// back once it has ended, whenever that is.
		await.That(t, "what nobody got is ready again, and has been acked", func() bool {
			rest := n.dequeue(queue.Dequeue{Max: 100, Lock: queue.MaxLock})
			for _, m := range rest {
				if m.Attempts != 1 {
					t.Errorf("a message is on attempt %d, want 1", m.Attempts)
				}
			}
			n.ackAll(rest)
			got += len(rest)
			return n.stats("default") == queue.Counts{}
		}, func() string { return fmt.Sprintf("counts are %+v", n.stats("default")) })
		if got != messages {
			t.Errorf("got %d messages, want %d", got, messages)
		}
	})
}

func TestAClosingQueueAnswersWhoWaitsAndKeepsNothing(t *testing.T) {
	n := embedded(t).node(t)
	waiting := make(chan []queue.Message)
	go func() {
		messages, err := n.Dequeue(context.Background(), queue.Dequeue{Wait: queue.MaxWait})
		if err != nil {
			t.Error(err)
		}
		waiting <- messages
	}()
	l := n.listen(queue.Listen{Queue: "other"})
	n.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: "other"})
	await.That(t, "it is out", func() bool { return n.stats("other").Processing == 1 })
	await.That(t, "the dequeue waits", func() bool { return n.Waiting("default") == 1 })
	n.Close()
	if messages := <-waiting; len(messages) != 0 {
		t.Errorf("got %v", messages)
	}
	<-l.Done()
	must(t, l.Close(context.Background()))
	if got, want := n.stats("other"), (queue.Counts{Pending: 1}); got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
	if _, err := n.Dequeue(timeout(t), queue.Dequeue{}); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestAThousandIdleListenersCostOneQueryInAWhile(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	d := embedded(t)
	db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: d.url, Registerer: registry})
	must(t, err)
	const interval = 200 * time.Millisecond
	q, err := queue.New(queue.Config{DB: db, LookInterval: interval})
	must(t, err)
	n := &node{Queue: q, t: t, db: db, store: kv.New(db, kv.Config{})}
	t.Cleanup(func() { q.Close(); must(t, db.Close()) })
	for i := range 1000 {
		n.listen(queue.Listen{Queue: []string{"a", "b", "c"}[i%3], Lock: queue.MaxLock})
	}
	// A message that is out makes a second question.
	n.enqueue(queue.Enqueue{Value: []byte(`1`), Queue: "a"})
	statements := func() (reads, groups float64) {
		families, err := registry.Gather()
		must(t, err)
		for _, f := range families {
			for _, m := range f.Metric {
				switch f.GetName() {
				case "keyval_sql_reads_total":
					reads += m.Counter.GetValue()
				case "keyval_commit_group_operations":
					groups += float64(m.Histogram.GetSampleCount())
				}
			}
		}
		return reads, groups
	}
	// What comes by the clock is counted, and the clock is read when it has come.
	const enough = 8
	var seen string
	idle := func() bool {
		readsBefore, groupsBefore := statements()
		reads, groups, begun := readsBefore, groupsBefore, time.Now()
		await.That(t, "the listeners look", func() bool {
			reads, groups = statements()
			return reads >= readsBefore+enough
		})
		reads, groups = reads-readsBefore, groups-groupsBefore
		intervals := float64(time.Since(begun)) / float64(interval)
		seen = fmt.Sprintf("%v reads and %v write transactions in %.1f intervals, want at most two reads in each and nothing written", reads, groups, intervals)
		return reads <= 2*(intervals+1) && groups == 0
	}
	await.That(t, "the listeners settle", idle, func() string { return seen })
	if !idle() {
		t.Error("they settled, and then: " + seen)
	}
}

func TestWhoComesBeforeTheGroupIsMadeIsServedByIt(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		const takers = 20
		n := d.node(t)
		for range takers {
			n.enqueue(message("1"))
		}
		begun, end := make(chan struct{}), make(chan struct{})
		busy := sync.OnceFunc(func() { close(begun); <-end })
		var all sync.WaitGroup
		all.Go(func() {
			_, err := n.db.Do(timeout(t), &sqldb.Op{Name: "busy", Apply: func(*sqldb.Tx) error { busy(); return nil }})
			must(t, err)
		})
		<-begun
		taken := make(chan queue.Message, takers)
		for range takers {
			all.Go(func() { taken <- n.one("default") })
		}
		await.That(t, "all wait in line", func() bool { return n.Waiting("default") == takers })
		close(end)
		all.Wait()
		const stamp = 20 // digits that a receipt begins with
		first := (<-taken).Receipt
		for range takers - 1 {
			if other := (<-taken).Receipt; other[:stamp] != first[:stamp] {
				t.Errorf("taken by %s and by %s, want by one operation", first, other)
			}
		}
	})
}
