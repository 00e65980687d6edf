package kv_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// While as much is read as may be at once, a count waits with the others. Counts could
// otherwise hold all connections, and every read of a key would wait for them.
func TestCountsLeaveConnectionsForReadsOfKeys(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s, db := d.open(t)
		key := mustKey(t, "k")
		mustCommit(t, s, set(key, `1`))
		release := holdLargeReads(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if n, _, err := s.Count(ctx, kv.PrefixRange(""), nil, kv.ReadOptions{Consistency: kv.Strong}); !errors.Is(err, kv.ErrTimeout) {
			t.Errorf("the count beside large reads: %d, %v; want that it waits", n, err)
		}
		if e := mustGet(t, s, key); !e.Exists() {
			t.Error("the key is not read")
		}
		release()
		if n, _, err := s.Count(timeout(t), kv.PrefixRange(""), nil, kv.ReadOptions{}); n != 1 || err != nil {
			t.Errorf("the count afterwards: %d, %v", n, err)
		}
	})
}

// holdLargeReads keeps as many large reads under way as may be at once.
func holdLargeReads(t *testing.T, db *sqldb.DB) (release func()) {
	t.Helper()
	const most = 4
	begun, end := make(chan struct{}, most), make(chan struct{})
	var held sync.WaitGroup
	for range most {
		held.Go(func() {
			err := db.Snapshot(timeout(t), func(sqldb.Querier) error {
				begun <- struct{}{}
				<-end
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range most {
		<-begun
	}
	return func() { close(end); held.Wait() }
}
