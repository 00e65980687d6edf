package kv_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

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
