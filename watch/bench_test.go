package watch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

// BenchmarkCommitToEvent measures from the answer of a commit to its event in
// the hands of a stream's reader on the same node: alone, and beside 32 writers
// of other keys.
func BenchmarkCommitToEvent(b *testing.B) {
	for _, writers := range []int{0, 32} {
		b.Run(fmt.Sprintf("embedded/writers=%d", writers), func(b *testing.B) { commitToEvent(b, embedded(b), writers) })
		b.Run(fmt.Sprintf("sqld/writers=%d", writers), func(b *testing.B) {
			d, _ := sqld(b)
			commitToEvent(b, d, writers)
		})
	}
}

func commitToEvent(b *testing.B, d database, writers int) {
	n := d.node(b)
	watched := key(b, "watched")
	s, err := n.hub.Open(within(b), watch.Request{Keys: []kv.Key{watched}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			other := key(b, "other", i)
			for ctx.Err() == nil {
				_, _ = n.store.Atomic(ctx, kv.AtomicRequest{Mutations: []kv.Mutation{set(other, "1")}})
			}
		})
	}
	var took []time.Duration
	seen := make(chan time.Time, 1)
	for b.Loop() {
		go func() {
			_, _ = s.Next(context.Background(), 10*time.Second)
			seen <- time.Now()
		}()
		n.commit(b, set(watched, "1"))
		committed := time.Now()
		took = append(took, max(0, (<-seen).Sub(committed)))
	}
	stop()
	group.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkDispatchToTenThousandStreams measures a write that all of them
// watch, and one that none does.
func BenchmarkDispatchToTenThousandStreams(b *testing.B) {
	n := embedded(b).node(b)
	hot, cold := key(b, "hot"), key(b, "cold")
	const streams = 10_000
	var all []*watch.Stream
	for range streams {
		s, err := n.hub.Open(context.Background(), watch.Request{Keys: []kv.Key{hot}})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, s)
	}
	defer func() {
		for _, s := range all {
			s.Close()
		}
	}()
	b.Run("watched", func(b *testing.B) {
		for b.Loop() {
			n.commit(b, set(hot, "1"))
			for _, s := range all {
				if _, err := s.Next(context.Background(), 10*time.Second); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("unwatched", func(b *testing.B) {
		for b.Loop() {
			n.commit(b, set(cold, "1"))
		}
	})
}

// BenchmarkIndex is what finding the streams of a key costs beside many that watch others,
// and what a stream that comes and goes costs.
func BenchmarkIndex(b *testing.B) {
	for _, streams := range []int{10, 10_000} {
		x := watch.NewIndex()
		for i := range streams {
			x.Add(watch.Filter{Keys: []kv.Key{key(b, "users", i)}})
			x.Add(watch.Filter{Keys: []kv.Key{key(b, "rooms", i, "messages")}, Prefixes: true})
		}
		for name, c := range map[string]struct {
			key  kv.Key
			want int
		}{
			"exact":     {key(b, "users", 7), 1},
			"prefix":    {key(b, "rooms", 7, "messages", 2026, 11, 27), 1},
			"unwatched": {key(b, "others", 7, "messages", 2026, 11, 27), 0},
		} {
			b.Run(fmt.Sprintf("find=%s/streams=%d", name, streams), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if got := x.Watching(c.key); got != c.want {
						b.Fatalf("%d streams watch, want %d", got, c.want)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("add-remove/streams=%d", streams), func(b *testing.B) {
			f := watch.Filter{Keys: []kv.Key{key(b, "users", 7)}}
			b.ReportAllocs()
			for b.Loop() {
				x.Add(f)()
			}
		})
	}
}
