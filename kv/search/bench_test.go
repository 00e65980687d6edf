package search_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
	"github.com/buntime/keyval/node/nodetest"
)

// benchmarkOnEach runs a benchmark on each kind of database.
func benchmarkOnEach(b *testing.B, bench func(b *testing.B, n node)) {
	b.Helper()
	b.Run("embedded", func(b *testing.B) {
		bench(b, database{primary: "file:" + b.TempDir() + "/keyval.db"}.open(b))
	})
	b.Run("sqld", func(b *testing.B) {
		pair, err := nodetest.StartSqldPair(b.Context(), b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = pair.Close() })
		bench(b, database{primary: pair.Primary.HTTPURL(), replica: pair.Replica.HTTPURL()}.open(b))
	})
}

// document is a text of 30 words, few of them frequent: half of all documents have
// "common", one in a hundred "rare0".
func document(i int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(i)))
	words := make([]string, 30)
	for j := range words {
		words[j] = fmt.Sprint("w", int(random.ExpFloat64()*300))
	}
	if i%2 == 0 {
		words[7] = "common"
	}
	words[11] = fmt.Sprint("rare", i%100)
	return fmt.Appendf(nil, `{"title":"%s","body":"%s","n":%d}`, strings.Join(words[:5], " "), strings.Join(words[5:], " "), i)
}

// fill writes so many documents.
func fill(b *testing.B, n node, documents int) {
	b.Helper()
	var batch []kv.Mutation
	for i := range documents {
		batch = append(batch, kv.Mutation{Type: kv.MutationSet, Key: key(b, "docs", i), Value: document(i)})
		if len(batch) == 1000 || i == documents-1 {
			n.commit(b, batch...)
			batch = nil
		}
	}
}

func define(b *testing.B, n node) {
	b.Helper()
	if _, _, err := n.Create(timeout(b), search.Definition{Prefix: key(b, "docs"), Fields: []string{"title", "body"}}); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkBuild(b *testing.B) {
	const documents = 50_000
	benchmarkOnEach(b, func(b *testing.B, n node) {
		fill(b, n, documents)
		for b.Loop() {
			begun := time.Now()
			define(b, n)
			n.build(b)
			b.ReportMetric(documents/time.Since(begun).Seconds(), "docs/s")
			begun = time.Now()
			if _, err := n.Drop(timeout(b), key(b, "docs")); err != nil {
				b.Fatal(err)
			}
			n.build(b)
			b.ReportMetric(documents/time.Since(begun).Seconds(), "dropped/s")
		}
	})
}

// BenchmarkPut writes with 64 callers, as kv's does.
func BenchmarkPut(b *testing.B) {
	benchmarkOnEach(b, func(b *testing.B, n node) {
		define(b, n)
		for _, prefix := range []string{"plain", "docs"} {
			b.Run(prefix, func(b *testing.B) {
				var next atomic.Int64
				var callers sync.WaitGroup
				begun := time.Now()
				for range 64 {
					callers.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							n.put(b, string(document(int(i))), prefix, int(i)%5000)
						}
					})
				}
				callers.Wait()
				b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "puts/s")
			})
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	benchmarkOnEach(b, func(b *testing.B, n node) {
		fill(b, n, 100_000)
		define(b, n)
		n.build(b)
		for _, text := range []string{"rare7", "rare7 common", "common", "w2", "nowhere"} {
			b.Run(strings.ReplaceAll(text, " ", "+"), func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					begun := time.Now()
					n.search(b, search.Query{Prefix: key(b, "docs"), Text: text, Limit: 20})
					took = append(took, time.Since(begun))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	})
}
