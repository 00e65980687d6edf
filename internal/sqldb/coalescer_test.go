package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
)

// A road is a coalescer whose statements wait at a gate.
type road struct {
	merged *sqldb.Coalescer[string]
	began  chan []string
	gate   chan struct{}
}

func newRoad(t *testing.T) *road {
	t.Helper()
	return newRoadOn(t, open(t, sqldb.Config{PrimaryURL: embeddedURL(t)}))
}

func newRoadOn(t *testing.T, db *sqldb.DB) *road {
	t.Helper()
	r := &road{began: make(chan []string, 100), gate: make(chan struct{})}
	r.merged = sqldb.NewCoalescer(db, func(ctx context.Context, _ sqldb.Reader, keys []string) ([]string, sqldb.Position, error) {
		r.began <- keys
		select {
		case <-r.gate:
			return keys, "", nil
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	})
	return r
}

// get reads keys and returns how it ends.
func (r *road) get(ctx context.Context, keys ...string) <-chan error {
	ended := make(chan error, 1)
	go func() {
		values, _, err := r.merged.Get(ctx, sqldb.Freshness{}, keys)
		if err == nil && !slices.Equal(values, keys) {
			err = fmt.Errorf("%d values for %d keys", len(values), len(keys))
		}
		ended <- err
	}()
	return ended
}

func (r *road) awaitWaiting(t *testing.T, n int) {
	t.Helper()
	await.That(t, fmt.Sprintf("%d reads wait", n), func() bool { return sqldb.Waiting(r.merged) == n })
}

func TestAReadThatNobodyWaitsForIsNotMade(t *testing.T) {
	t.Parallel()
	r := newRoad(t)
	first := r.get(timeout(t), "first")
	<-r.began
	ctx, cancel := context.WithCancel(t.Context())
	var gone []<-chan error
	for range 10 {
		gone = append(gone, r.get(ctx, "gone"))
	}
	r.awaitWaiting(t, 10)
	cancel()
	for _, ended := range gone {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("who has left is told %v", err)
		}
	}
	last := r.get(timeout(t), "last")
	await.That(t, "the last one waits", func() bool { return sqldb.WaitingKeys(r.merged) == 1 })
	close(r.gate)
	for _, ended := range []<-chan error{first, last} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if keys := <-r.began; !slices.Equal(keys, []string{"last"}) {
		t.Errorf("the next statement reads %q, want only what somebody waits for", keys)
	}
}

func TestAStatementThatNobodyWaitsForAnyMoreIsEnded(t *testing.T) {
	t.Parallel()
	r := newRoad(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.get(ctx, "one")
	<-r.began
	cancel()
	next := r.get(timeout(t), "next")
	if keys := <-r.began; !slices.Equal(keys, []string{"next"}) { // the only worker has come back
		t.Errorf("it reads %q", keys)
	}
	close(r.gate)
	if err := <-next; err != nil {
		t.Error(err)
	}
}

func TestReadsThatWaitAreBoundedInKeys(t *testing.T) {
	t.Parallel()
	r := newRoad(t)
	many := make([]string, 1000)
	r.get(t.Context(), many...)
	<-r.began
	taken, refused := 0, make(chan error, 100)
	for range 100 {
		go func() {
			_, _, err := r.merged.Get(t.Context(), sqldb.Freshness{}, many)
			refused <- err
		}()
	}
	await.That(t, "all wait or are refused", func() bool {
		taken = sqldb.Waiting(r.merged)
		return taken+len(refused) == 100
	})
	if keys := sqldb.WaitingKeys(r.merged); keys > 1<<15 || taken < 30 {
		t.Errorf("%d reads of %d keys wait", taken, keys)
	}
	if err := <-refused; !errors.Is(err, sqldb.ErrOverloaded) {
		t.Errorf("the next one is told %v", err)
	}
}

func TestAReadOfFewKeysPassesOneOfMany(t *testing.T) {
	t.Parallel()
	r := newRoad(t)
	many := r.get(timeout(t), make([]string, 500)...)
	<-r.began
	few := r.get(timeout(t), "few")
	if keys := <-r.began; !slices.Equal(keys, []string{"few"}) {
		t.Errorf("beside many keys it reads %q", keys)
	}
	close(r.gate)
	for _, ended := range []<-chan error{many, few} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestAnEmbeddedStatementSelectsNoMoreThanAServerSends(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		blobs := func(n int64) sqldb.Stmt {
			return sqldb.Stmt{SQL: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?) SELECT zeroblob(1000000) FROM n", Args: []any{n}}
		}
		if rows, err := db.Primary().Query(timeout(t), blobs(5)); err != nil || len(rows) != 5 {
			t.Errorf("5 MB: %d rows, %v", len(rows), err)
		}
		_, err := db.Primary().Query(timeout(t), blobs(1_000_000)) // which would not fit the memory
		wantErr(t, answer{err: err}, sqldb.ErrTooLarge)
		err = db.Snapshot(timeout(t), func(q sqldb.Querier) error {
			_, err := q.Query(timeout(t), blobs(11))
			return err
		})
		wantErr(t, answer{err: err}, sqldb.ErrTooLarge)
		mustDo(t, db, add("n", nil)) // and the connections are good
	})
}
