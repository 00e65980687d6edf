package sqldb_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// ungrouped are operations and reads that come together in these tests.
const ungrouped = 20

func TestWithoutGroupingEachOperationHasATransactionOfItsOwn(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url, NoGrouping: true})
		release := blockCommitter(t, db)
		var answers []<-chan answer
		for i := range ungrouped {
			answers = append(answers, start(timeout(t), db, add(fmt.Sprint("n", i%3), nil)))
		}
		waitPending(t, db, ungrouped)
		release()
		transactions := map[int64]bool{}
		for _, a := range answers {
			got := receive(t, a)
			if got.err != nil {
				t.Fatal(got.err)
			}
			transactions[got.commit.Txn] = true
		}
		if len(transactions) != ungrouped {
			t.Errorf("%d operations were committed in %d transactions", ungrouped, len(transactions))
		}
		if sum := value(t, db, "n0") + value(t, db, "n1") + value(t, db, "n2"); sum != ungrouped {
			t.Errorf("%d of %d operations were done", sum, ungrouped)
		}
	})
}

func TestWithoutGroupingANodeStillHasOneWriteTransactionInFlight(t *testing.T) {
	t.Parallel()
	writersInFlight(t, 16, sqldb.Config{NoGrouping: true})
}

func TestWithoutGroupingEachReadHasAStatementOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRoadOn(t, open(t, sqldb.Config{PrimaryURL: embeddedURL(t), NoGrouping: true}))
	first := r.get(timeout(t), "first")
	<-r.began
	ended := []<-chan error{first, r.get(timeout(t), "a", "b")} // from one snapshot
	for range ungrouped {
		ended = append(ended, r.get(timeout(t), "c"))
	}
	r.awaitWaiting(t, ungrouped+1)
	close(r.gate)
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
	if len(r.began) != ungrouped+1 {
		t.Errorf("%d reads were %d statements", ungrouped+1, len(r.began))
	}
	for range ungrouped + 1 {
		if keys := <-r.began; !slices.Equal(keys, []string{"c"}) && !slices.Equal(keys, []string{"a", "b"}) {
			t.Errorf("a statement read %q", keys)
		}
	}
}

func TestWithoutGroupingAServerStillGetsTwoReadsAtOnce(t *testing.T) {
	t.Parallel()
	cfg := sqldb.Config{PrimaryURL: nodetest.MustStartPrimary(t).HTTPURL(), NoGrouping: true}
	r := newRoadOn(t, open(t, cfg))
	var ended []<-chan error
	for range ungrouped {
		ended = append(ended, r.get(timeout(t), "a"))
	}
	<-r.began
	<-r.began
	await.That(t, "the others wait", func() bool { return sqldb.Waiting(r.merged) == ungrouped-2 })
	close(r.gate)
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
}
