package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

// BenchmarkCommitter is what an operation costs from being handed over to its answer, alone
// and with others in its group. One that is refused shows what that is without its commit.
func BenchmarkCommitter(b *testing.B) {
	errRefused := errors.New("refused")
	for name, operation := range map[string]func(i int64) (*sqldb.Op, error){
		"put":    func(i int64) (*sqldb.Op, error) { return put(fmt.Sprint(i%1000), i), nil },
		"add":    func(i int64) (*sqldb.Op, error) { return add(fmt.Sprint(i%1000), nil), nil },
		"refuse": func(int64) (*sqldb.Op, error) { return refused(errRefused), errRefused },
	} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", name, writers), func(b *testing.B) {
				db := open(b, sqldb.Config{PrimaryURL: embeddedURL(b)})
				together(b, writers, func(i int64) {
					op, want := operation(i)
					if _, err := db.Do(b.Context(), op); !errors.Is(err, want) {
						b.Error(err)
					}
				})
			})
		}
	}
}

func refused(err error) *sqldb.Op {
	return &sqldb.Op{Name: "refuse", Apply: func(*sqldb.Tx) error { return err }}
}

// BenchmarkCoalescer is what merging a read with others costs, without any database. The
// figure is how many keys one statement would read.
func BenchmarkCoalescer(b *testing.B) {
	for _, readers := range []int{1, 64} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			db := open(b, sqldb.Config{PrimaryURL: embeddedURL(b)})
			var fetched, fetches atomic.Int64
			merged := sqldb.NewCoalescer(db, func(_ context.Context, _ sqldb.Reader, keys []string) ([]string, sqldb.Position, error) {
				fetched.Add(int64(len(keys)))
				fetches.Add(1)
				return keys, "", nil
			})
			key := []string{"a"}
			together(b, readers, func(int64) {
				if _, _, err := merged.Get(b.Context(), sqldb.Freshness{}, key); err != nil {
					b.Error(err)
				}
			})
			b.ReportMetric(float64(fetched.Load())/float64(fetches.Load()), "keys/fetch")
		})
	}
}

// together has so many goroutines do something, each with a number of its own.
func together(b *testing.B, goroutines int, do func(i int64)) {
	b.Helper()
	b.ReportAllocs()
	var n atomic.Int64
	if goroutines == 1 {
		for b.Loop() {
			do(n.Add(1))
		}
		return
	}
	b.SetParallelism(goroutines) // for each processor
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do(n.Add(1))
		}
	})
}
