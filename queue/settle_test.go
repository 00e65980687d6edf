package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

func TestTheBackoffStepFollowsTheSchedule(t *testing.T) {
	for _, c := range []struct {
		schedule []int64
		attempts int
		want     int64
	}{
		{nil, 1, 1_000}, {nil, 2, 5_000}, {nil, 3, 30_000}, {nil, 4, 60_000}, {nil, 900, 60_000},
		{[]int64{}, 1, 0}, {[]int64{7}, 1, 7}, {[]int64{7}, 2, 7}, {[]int64{7, 0, 9}, 2, 0}, {[]int64{7}, 0, 7},
	} {
		if got := queue.BackoffStep(c.schedule, c.attempts); got != c.want {
			t.Errorf("after %d attempts with %v: %d ms, want %d", c.attempts, c.schedule, got, c.want)
		}
	}
}

func TestANackRetriesAfterTheNextStepAndThenTheMessageIsDead(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		key := mustKey(t, "failed", 7.0)
		id := n.enqueue(queue.Enqueue{Value: []byte(`{"n":7}`), Backoff: []int64{0, 3_600_000}, KeysIfUndelivered: []kv.Key{key, mustKey(t, "also")}, Priority: 3})[0]

		must(t, n.Nack(timeout(t), nil, id, n.one("default").Receipt, queue.Failure{Error: "first"}))
		m := n.one("default")
		must(t, n.Nack(timeout(t), nil, id, m.Receipt, queue.Failure{Error: "second"}))
		n.none("default")
		n.wantCounts(queue.Counts{Pending: 1, Delayed: 1})

		n.change("UPDATE kv_queue SET ready_at=1")
		last := n.one("default")
		if last.Attempts != 3 || n.get(key).Exists() {
			t.Errorf("attempt %d, want 3 and no fallback key yet", last.Attempts)
		}
		must(t, n.Nack(timeout(t), nil, id, last.Receipt, queue.Failure{Error: "third"}))
		n.wantCounts(queue.Counts{Dead: 1})
		letter := n.deadLetters(queue.DeadLetterList{})[0]
		if letter.OriginalID != id || letter.ErrorMessage != "third" || letter.Attempts != 3 || string(letter.Value) != `{"n":7}` ||
			letter.OriginalCreatedAt != m.EnqueuedAt || letter.FailedAt < m.EnqueuedAt || letter.Queue != "default" {
			t.Errorf("got %+v", letter)
		}
		entry, other := n.get(key), n.get(mustKey(t, "also"))
		if string(entry.Value) != `{"n":7}` || entry.Versionstamp == "" || entry.Versionstamp != other.Versionstamp {
			t.Errorf("the fallback keys have %s at %s and %s at %s", entry.Value, entry.Versionstamp, other.Value, other.Versionstamp)
		}
		rows, err := n.db.Primary().Query(timeout(t), sqldb.Stmt{
			SQL: "SELECT count(*) FROM keyval_changelog WHERE versionstamp=? AND op='s'", Args: []any{string(entry.Versionstamp)}})
		must(t, err)
		if got := rows[0].Integer(0); got != 2 {
			t.Errorf("the change log has %d rows of the death, want 2", got)
		}
	})
}

func TestANackMayChooseItsDelayOrEndTheRetries(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		key := mustKey(t, "failed")
		n.enqueue(queue.Enqueue{Value: []byte(`1`), KeysIfUndelivered: []kv.Key{key}})
		now := int64(0)
		must(t, n.Nack(timeout(t), nil, n.one("default").ID, "", queue.Failure{Delay: &now}))
		m := n.one("default")
		must(t, n.Nack(timeout(t), nil, m.ID, m.Receipt, queue.Failure{DeadLetter: true, Error: strings.Repeat("é", 2000)}))
		n.wantCounts(queue.Counts{Dead: 1})
		if got := string(n.get(key).Value); got != `1` {
			t.Errorf("the fallback key has %q, want 1", got)
		}
		letter := n.deadLetters(queue.DeadLetterList{})[0]
		if letter.Attempts != 2 || letter.ErrorMessage != strings.Repeat("é", 512) {
			t.Errorf("got %d attempts and %d bytes of error", letter.Attempts, len(letter.ErrorMessage))
		}
		// Gone, or not locked: nothing changes.
		must(t, n.Nack(timeout(t), nil, m.ID, "", queue.Failure{}))
		id := n.enqueue(message(`2`))[0]
		must(t, n.Nack(timeout(t), nil, id, "", queue.Failure{}))
		n.wantCounts(queue.Counts{Pending: 1, Dead: 1})
	})
}

func TestAMessageIsOutForAsLongAsItsLockIsRenewed(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.enqueue(message(`1`))
		m := n.dequeue(queue.Dequeue{Lock: 600_000})[0]
		until, err := n.Extend(timeout(t), nil, m.ID, m.Receipt, 3_600_000)
		must(t, err)
		if until < m.EnqueuedAt+3_600_000 {
			t.Errorf("locked until %d, enqueued at %d", until, m.EnqueuedAt)
		}
		n.change("UPDATE keyval_sequence SET time=time+1200000") // past the first lock, not past the second
		if got := n.dequeue(queue.Dequeue{}); len(got) != 0 {
			t.Errorf("the message was delivered again within its renewed lock")
		}
		must(t, n.Ack(timeout(t), nil, m.ID, m.Receipt))
	})
}

func TestAnEndedLockCountsAsAFailedAttempt(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.enqueue(queue.Enqueue{Value: []byte(`1`), MaxAttempts: 2})
		late := n.dequeue(queue.Dequeue{Lock: 100})[0]
		// A dequeue takes it by itself, without any sweep, as soon as it is due.
		again := n.one("default")
		if again.Attempts != 2 || again.ID != late.ID || again.Receipt == late.Receipt {
			t.Fatalf("got %+v after %+v", again, late)
		}
		if err := n.Ack(timeout(t), nil, late.ID, late.Receipt); !errors.Is(err, queue.ErrLockLost) {
			t.Errorf("ack by the late receiver: %v, want ErrLockLost", err)
		}
		n.endLocks()
		if err := n.Ack(timeout(t), nil, again.ID, again.Receipt); !errors.Is(err, queue.ErrLockLost) {
			t.Errorf("ack after the lock, before anyone has reclaimed it: %v, want ErrLockLost", err)
		}
		n.none("default") // it is dead, not ready
		n.wantCounts(queue.Counts{Processing: 1})
		if got := n.sweep(); got != 1 {
			t.Errorf("the sweep changed %d rows, want 1", got)
		}
		n.wantCounts(queue.Counts{Dead: 1})
		if letter := n.deadLetters(queue.DeadLetterList{})[0]; letter.ErrorMessage != "lock expired" || letter.Attempts != 2 {
			t.Errorf("got %+v", letter)
		}
	})
}

func TestASweepReclaimsLocksAndForgetsDedupeIDs(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		key := mustKey(t, "failed")
		n.enqueue(message(`"again"`), queue.Enqueue{Value: []byte(`"dead"`), MaxAttempts: 1, KeysIfUndelivered: []kv.Key{key}},
			queue.Enqueue{Value: []byte(`"kept"`), DedupeID: "d"})
		taken := n.dequeue(queue.Dequeue{Max: 3})
		n.endLocks()
		n.change("UPDATE kv_queue SET locked_until=s.time+3600000 FROM keyval_sequence s WHERE kv_queue.id=?", taken[2].ID)
		n.change("UPDATE keyval_dedupe SET created_at=created_at-86400001")
		if got := n.sweep(); got != 2 {
			t.Errorf("the sweep changed %d messages, want 2", got)
		}
		must(t, n.ForgetDedupeIDs(timeout(t), 0))
		n.wantCounts(queue.Counts{Pending: 1, Processing: 1, Dead: 1})
		if got := string(n.get(key).Value); got != `"dead"` {
			t.Errorf("the fallback key has %q", got)
		}
		rows, err := n.db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT count(*) FROM keyval_dedupe"})
		must(t, err)
		if got := rows[0].Integer(0); got != 0 {
			t.Errorf("%d dedupe ids are kept, want 0", got)
		}
		if got := n.sweep(); got != 0 {
			t.Errorf("a second sweep changed %d messages, want 0", got)
		}
	})
}

func TestAMessageIsReadyFromItsLocksEndOnWhoeverFindsIt(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.enqueue(message(`"swept"`), message(`"taken"`))
		n.dequeue(queue.Dequeue{Max: 2})
		n.change(`UPDATE kv_queue SET locked_until=CASE CAST(value AS TEXT) WHEN '"swept"' THEN 1 ELSE 2 END`)
		n.change("UPDATE kv_queue SET locked_until=s.time+3600000 FROM keyval_sequence s WHERE locked_until=2")
		if got := n.sweep(); got != 1 {
			t.Fatalf("the sweep changed %d messages, want 1", got)
		}
		n.change("UPDATE kv_queue SET locked_until=2 WHERE locked_until IS NOT NULL")
		if got := values(n.dequeue(queue.Dequeue{Max: 2})); !slices.Equal(got, []string{`"swept"`, `"taken"`}) {
			t.Errorf("delivered %v, want the one first whose lock ended first", got)
		}
	})
}

func TestAFencedLeaderSweepsNothing(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.enqueue(message(`1`))
		n.dequeue(queue.Dequeue{})
		n.endLocks()
		n.change("UPDATE keyval_leader SET epoch=7")
		if swept, err := n.ReclaimLocks(timeout(t), 6); !errors.Is(err, sqldb.ErrFenced) || swept != 0 {
			t.Errorf("the old leader swept %d, %v, want ErrFenced", swept, err)
		}
		if swept, err := n.ReclaimLocks(timeout(t), 7); err != nil || swept != 1 {
			t.Errorf("the leader swept %d, %v, want 1", swept, err)
		}
	})
}

func TestAReleasedMessageKeepsItsPlaceAndItsAttempts(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n := d.node(t)
		n.enqueue(message(`1`), message(`2`), queue.Enqueue{Value: []byte(`3`), MaxAttempts: 1})
		taken := n.dequeue(queue.Dequeue{Max: 3})
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // a request that was cancelled still gives back what it took
		must(t, n.Release(ctx, taken))
		again := n.dequeue(queue.Dequeue{Max: 3})
		for i, m := range again {
			if m.ID != taken[i].ID || m.Attempts != 1 {
				t.Errorf("place %d: got %s on attempt %d, want %s on attempt 1", i, m.Value, m.Attempts, taken[i].Value)
			}
		}
		must(t, n.Release(ctx, taken)) // stale receipts by now
		n.wantCounts(queue.Counts{Processing: 3})
	})
}

func TestADedupeIDAddsNothingForADay(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		n, other := d.node(t), d.node(t)
		m := queue.Enqueue{Value: []byte(`1`), DedupeID: "order-1"}
		first, stamp := n.enqueueAll(m)
		again, _ := other.enqueueAll(m)
		if again[0].ID != first[0].ID || again[0].Versionstamp != stamp || !again[0].Duplicate {
			t.Errorf("got %+v, want %s at %s", again[0], first[0].ID, stamp)
		}
		both, _ := n.enqueueAll(queue.Enqueue{Value: []byte(`2`), DedupeID: "order-2"}, queue.Enqueue{Value: []byte(`3`), DedupeID: "order-2"})
		if both[0].ID != both[1].ID || both[0].Duplicate || !both[1].Duplicate {
			t.Errorf("within one operation: %+v", both)
		}
		if got := values(n.dequeue(queue.Dequeue{Max: 10})); len(got) != 2 {
			t.Errorf("delivered %v, want two", got)
		}
		n.change("UPDATE keyval_dedupe SET created_at=created_at-86400001")
		if late, _ := n.enqueueAll(m); late[0].Duplicate {
			t.Errorf("after a day: %+v, want a new message", late[0])
		}
	})
}

func TestConcurrentEnqueuesWithOneDedupeIDAddOneMessage(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		nodes := []*node{d.node(t), d.node(t)}
		ids := make(chan string, 20)
		for i := range cap(ids) {
			go func() {
				part, err := nodes[i%2].NewPart([]queue.Enqueue{{Value: []byte(`1`), DedupeID: "d"}})
				if err == nil {
					_, err = nodes[i%2].store.Atomic(timeout(t), kv.AtomicRequest{Parts: []sqldb.Part{part}})
				}
				if err != nil {
					t.Error(err)
					ids <- ""
					return
				}
				ids <- part.Enqueued()[0].ID
			}()
		}
		first := <-ids
		for range cap(ids) - 1 {
			if id := <-ids; id != first {
				t.Errorf("got ids %s and %s, want one", first, id)
			}
		}
		nodes[0].wantCounts(queue.Counts{Pending: 1})
	})
}
