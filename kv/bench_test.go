package kv_test

import (
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// The benchmarks run 64 clients of one node.
func BenchmarkSet(b *testing.B) {
	onEachBenchmarked(b, func(b *testing.B, s *kv.Store) {
		var n atomic.Int64
		parallel(b, func() {
			mustCommit(b, s, set(mustKey(b, "bench", float64(n.Add(1)%100_000)), `{"name":"alice","age":42}`))
		})
	})
}

func BenchmarkSumOfOneKey(b *testing.B) {
	onEachBenchmarked(b, func(b *testing.B, s *kv.Store) {
		one, _ := kv.ParseOperand([]byte(`1`))
		key := mustKey(b, "counter")
		parallel(b, func() { mustCommit(b, s, kv.Mutation{Type: kv.MutationSum, Key: key, Operand: one}) })
	})
}

func BenchmarkGet(b *testing.B) {
	onEachBenchmarked(b, func(b *testing.B, s *kv.Store) {
		for i := range 1000 {
			mustCommit(b, s, set(mustKey(b, "bench", float64(i)), `{"name":"alice","age":42}`))
		}
		var n atomic.Int64
		b.ResetTimer()
		parallel(b, func() { mustGet(b, s, mustKey(b, "bench", float64(n.Add(1)%1000))) })
	})
}

// What reads and sets a single key, each beside the others: with a check, without a
// snapshot, and on one.
func BenchmarkTransaction(b *testing.B) {
	for name, setSnapshot := range map[string]func(*kv.TransactionRequest, kv.Key, kv.Versionstamp){
		"check": func(r *kv.TransactionRequest, k kv.Key, v kv.Versionstamp) {
			r.Checks = []kv.Check{{Key: k, Versionstamp: v}}
		},
		"read": func(r *kv.TransactionRequest, k kv.Key, _ kv.Versionstamp) { r.Reads = []kv.Read{{Key: k}} },
		"snapshot": func(r *kv.TransactionRequest, k kv.Key, v kv.Versionstamp) {
			r.Reads, r.Snapshot = []kv.Read{{Key: k}}, v
		},
	} {
		b.Run(name, func(b *testing.B) {
			onEachBenchmarked(b, func(b *testing.B, s *kv.Store) { transactions(b, s, setSnapshot) })
		})
	}
}

// transactions has each client change a key of its own.
func transactions(b *testing.B, s *kv.Store, setSnapshot func(*kv.TransactionRequest, kv.Key, kv.Versionstamp)) {
	var clients atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		key := mustKey(b, "bench", float64(clients.Add(1)))
		version := mustCommit(b, s, set(key, `1`))
		for pb.Next() {
			req := kv.TransactionRequest{AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(key, `1`)}}}
			setSnapshot(&req, key, version)
			r, err := s.Transaction(timeout(b), req)
			if err != nil || !r.OK {
				b.Errorf("%+v, %v", r, err)
				return
			}
			version = r.Versionstamp
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// A commit on a snapshot costs what has changed since then, not what was read.
func BenchmarkSnapshotOver(b *testing.B) {
	for _, entries := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			onEachBenchmarked(b, func(b *testing.B, s *kv.Store) { snapshotCommits(b, s, entries) })
		})
	}
}

func snapshotCommits(b *testing.B, s *kv.Store, entries int) {
	for i := 0; i < entries; i += 1000 {
		var many []kv.Mutation
		for n := range 1000 {
			many = append(many, set(mustKey(b, "range", float64(i+n)), `1`))
		}
		mustCommit(b, s, many...)
	}
	req := kv.TransactionRequest{
		Reads:         []kv.Read{{List: &kv.Selector{Range: kv.PrefixRange(mustKey(b, "range")), Limit: 1}}},
		AtomicRequest: kv.AtomicRequest{Mutations: []kv.Mutation{set(mustKey(b, "elsewhere"), `1`)}},
	}
	req.Snapshot = mustCommit(b, s, req.Mutations...)
	b.ResetTimer()
	for range b.N {
		r, err := s.Transaction(timeout(b), req)
		if err != nil || !r.OK {
			b.Fatalf("%+v, %v", r, err)
		}
		req.Snapshot = r.Versionstamp
	}
}

// BenchmarkKey is the codec of keys, from parts to bytes and back.
func BenchmarkKey(b *testing.B) {
	for _, c := range []struct {
		name  string
		parts []any
	}{
		{"string", []any{"users", "alice"}},
		{"escaped", []any{"users", "a\x00b\x00c"}},
		{"number", []any{"users", 42.5, 1e9}},
		{"bigint", []any{"users", new(big.Int).Lsh(big.NewInt(1), 100)}},
		{"bytes", []any{"users", make([]byte, 64)}},
		{"deep", []any{"a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6, "g", 7, "h", 8, "i", 9, "j", 10}},
	} {
		k := mustKey(b, c.parts...)
		b.Run("encode/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := kv.NewKey(c.parts...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("decode/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Parts(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("check/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if k.IsOpaque() {
					b.Fatalf("%s is opaque", k)
				}
			}
		})
		b.Run("prefixes/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range k.Prefixes() {
				}
			}
		})
	}
}

func parallel(b *testing.B, do func()) {
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func onEachBenchmarked(b *testing.B, bench func(b *testing.B, s *kv.Store)) {
	pair, err := nodetest.StartSqldPair(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = pair.Close() }()
	for i, cfg := range []sqldb.Config{
		{PrimaryURL: "file:" + filepath.Join(b.TempDir(), "keyval.db")},
		{PrimaryURL: pair.Primary.HTTPURL(), ReplicaURL: pair.Replica.HTTPURL()},
	} {
		b.Run(fmt.Sprint([]string{"embedded", "sqld"}[i]), func(b *testing.B) {
			db, err := sqldb.Open(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			bench(b, kv.New(db, kv.Config{}))
		})
	}
}

// What clients that read and write single keys wait for, alone and beside a filter that
// looks at 100,000 entries and finds none.
func BenchmarkFilterThatMatchesNothing(b *testing.B) {
	onEachBenchmarked(b, func(b *testing.B, s *kv.Store) {
		const entries = 100_000
		filler := strings.Repeat("x", 90)
		fillPrefix(b, s, "filtered", entries, func(i int) string {
			return fmt.Sprintf(`{"name":"customer %d","hit":%d,"filler":%q}`, i, i%3, filler)
		})
		filter := func() {
			n, _, err := s.Count(timeout(b), kv.PrefixRange(mustKey(b, "filtered")), mustFilter(b, `{"hit":7}`), kv.ReadOptions{})
			if n != 0 || err != nil {
				b.Fatalf("%d, %v", n, err)
			}
		}
		b.ResetTimer()
		for range b.N {
			filter()
		}
		b.StopTimer()
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/filter")
		alone := besideClients(b, s, func() { time.Sleep(2 * time.Second) }) //nolint:forbidigo // it measures for so long
		beside := besideClients(b, s, func() {
			for range 6 {
				filter()
			}
		})
		b.ReportMetric(alone.Seconds()*1000, "p99-alone-ms")
		b.ReportMetric(beside.Seconds()*1000, "p99-beside-ms")
	})
}

// besideClients is the 99th percentile of what 8 clients wait for while something is done.
func besideClients(b *testing.B, s *kv.Store, do func()) time.Duration {
	stop := make(chan struct{})
	var clients sync.WaitGroup
	waits := make([][]time.Duration, 8)
	for c := range waits {
		clients.Go(func() {
			key := mustKey(b, "client", float64(c))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				if n%2 == 0 {
					mustCommit(b, s, set(key, `{"name":"alice","age":42}`))
				} else {
					mustGet(b, s, key)
				}
				waits[c] = append(waits[c], time.Since(began))
			}
		})
	}
	do()
	close(stop)
	clients.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(waits...)))
	return all[len(all)*99/100]
}
