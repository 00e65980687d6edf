package queue_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
)

// onEachEngine runs a benchmark on an embedded database and on a real sqld.
func onEachEngine(b *testing.B, bench func(b *testing.B, d database)) {
	b.Run("embedded", func(b *testing.B) { bench(b, embedded(b)) })
	b.Run("sqld", func(b *testing.B) { bench(b, database{nodetest.MustStartPrimary(b).HTTPURL()}) })
}

// BenchmarkCycles measures enqueue, dequeue and ack, one after the other, by 64
// workers on one node.
func BenchmarkCycles(b *testing.B) {
	onEachEngine(b, func(b *testing.B, d database) {
		n := d.node(b)
		b.SetParallelism(32) // times two cores
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				must(b, n.cycle(b.Context()))
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cycles/s")
	})
}

// cycle enqueues a message, takes one and acks it.
func (n *node) cycle(ctx context.Context) error {
	part, err := n.NewPart([]queue.Enqueue{message(`{"n":1}`)})
	if err != nil {
		return err
	}
	if _, err := n.store.Atomic(ctx, kv.AtomicRequest{Parts: []sqldb.Part{part}}); err != nil {
		return err
	}
	for {
		messages, err := n.Dequeue(ctx, queue.Dequeue{Wait: 10_000})
		if err != nil {
			return err
		}
		if len(messages) == 1 {
			return n.Ack(ctx, nil, messages[0].ID, messages[0].Receipt)
		}
	}
}

// BenchmarkEnqueue measures enqueues of 64 workers on one node.
func BenchmarkEnqueue(b *testing.B) {
	onEachEngine(b, func(b *testing.B, d database) {
		n := d.node(b)
		b.SetParallelism(32)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				n.enqueue(message(`{"n":1}`))
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "enqueues/s")
	})
}

// BenchmarkDequeueOf measures one taker, which waits for each answer, with many
// and with few messages waiting.
func BenchmarkDequeueOf(b *testing.B) {
	for _, waiting := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			onEachEngine(b, func(b *testing.B, d database) {
				n := d.node(b)
				n.fill(waiting)
				for range 1000 { // until what fill has left in the log is in the file
					must(b, n.Release(b.Context(), []queue.Message{n.one("default")}))
				}
				for b.Loop() {
					m := n.one("default")
					b.StopTimer()
					must(b, n.Release(b.Context(), []queue.Message{m}))
					b.StartTimer()
				}
			})
		})
	}
}

// BenchmarkDeathOfLargeMessage measures a nack after which a message of 400 kB is
// written under ten keys.
func BenchmarkDeathOfLargeMessage(b *testing.B) {
	onEachEngine(b, func(b *testing.B, d database) {
		n := d.node(b)
		dying := queue.Enqueue{Value: []byte(`"` + strings.Repeat("x", 400_000) + `"`), MaxAttempts: 1}
		for i := range 10 {
			dying.KeysIfUndelivered = append(dying.KeysIfUndelivered, mustKey(b, "undelivered", i))
		}
		for b.Loop() {
			b.StopTimer()
			n.enqueue(dying)
			m := n.one("default")
			b.StartTimer()
			must(b, n.Nack(b.Context(), nil, m.ID, m.Receipt, queue.Failure{}))
		}
	})
}

// fill puts many messages of three priorities in the queue, by SQL: a million
// enqueues would take minutes.
func (n *node) fill(count int) {
	const batch = 20_000 // within the 5 s that sqld gives a transaction
	for done := 0; done < count; done += batch {
		n.change(`WITH RECURSIVE message(i) AS (SELECT ?1 UNION ALL SELECT i+1 FROM message WHERE i+1<?2)
INSERT INTO kv_queue(id,value,ready_at,created_at,updated_at,priority,size)
SELECT printf('01a20729-0000-7000-8000-%012x',i),CAST('{"n":1}' AS BLOB),s.time,s.time,s.time,i%3,7
FROM message CROSS JOIN keyval_sequence s`, int64(done), int64(min(done+batch, count)))
	}
}

// BenchmarkDelivery measures the time from an enqueue's start to the message's
// arrival at a listener of the same node, other enqueues going on.
func BenchmarkDelivery(b *testing.B) {
	onEachEngine(b, func(b *testing.B, d database) {
		n := d.node(b)
		l := n.listen(queue.Listen{Concurrency: 100})
		took := make([]time.Duration, 0, b.N)
		b.ResetTimer()
		for range b.N {
			start := time.Now()
			n.enqueue(message(`1`))
			m := l.next()
			took = append(took, time.Since(start))
			must(b, n.Ack(b.Context(), nil, m.ID, m.Receipt))
		}
		reportPercentiles(b, took)
	})
}

// BenchmarkLateness measures how much later than due a delayed message arrives.
func BenchmarkLateness(b *testing.B) {
	const delay = 50 * time.Millisecond
	onEachEngine(b, func(b *testing.B, d database) {
		n := d.node(b)
		l := n.listen(queue.Listen{Concurrency: 100})
		took := make([]time.Duration, 0, b.N)
		b.ResetTimer()
		for range b.N {
			start := time.Now()
			n.enqueue(queue.Enqueue{Value: []byte(`1`), Delay: delay.Milliseconds()})
			m := l.next()
			took = append(took, time.Since(start)-delay)
			must(b, n.Ack(b.Context(), nil, m.ID, m.Receipt))
		}
		reportPercentiles(b, took)
	})
}

func reportPercentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}
