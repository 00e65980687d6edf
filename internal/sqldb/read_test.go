package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// withReplica is a node with a replica whose ways can be broken: from the
// node to the replica, and from the replica to the primary.
type withReplica struct {
	primary, replica *nodetest.Sqld
	toReplica        *nodetest.FaultProxy
	feed             *nodetest.FaultProxy
	db               *sqldb.DB
}

func newWithReplica(t *testing.T) *withReplica {
	t.Helper()
	w := &withReplica{primary: nodetest.MustStartPrimary(t)}
	w.feed = nodetest.MustStartFaultProxy(t, hostOf(w.primary.GRPCURL()))
	open(t, sqldb.Config{PrimaryURL: w.primary.HTTPURL()})
	w.replica = nodetest.MustStartReplica(t, w.feed.HTTPURL())
	w.toReplica = nodetest.MustStartFaultProxy(t, w.replica.Addr())
	w.db = open(t, sqldb.Config{PrimaryURL: w.primary.HTTPURL(), ReplicaURL: w.toReplica.HTTPURL()})
	t.Cleanup(func() { _ = w.toReplica.Heal(); _ = w.feed.Heal() })
	return w
}

func hostOf(url string) string { return url[len("http://"):] }

// read reads a cell as the freshness demands.
func read(ctx context.Context, db *sqldb.DB, fresh sqldb.Freshness, name string) (int64, error) {
	var n int64
	err := db.Read(ctx, fresh, func(ctx context.Context, r sqldb.Reader) (sqldb.Position, error) {
		rows, err := r.Query(ctx, sqldb.Stmt{
			SQL: "SELECT c.n," + sqldb.PositionSQL + " FROM keyval_sequence s LEFT JOIN cells c ON c.name=?", Args: []any{name}})
		if err != nil {
			return "", err
		}
		n = rows[0].Integer(0)
		return sqldb.Position(rows[0].Text(1)), nil
	})
	return n, err
}

var session = sqldb.Freshness{Replica: true}

// replicaServes tells whether session reads are answered by the replica: one
// that was only tried is left alone by the next.
func (w *withReplica) replicaServes(t *testing.T) bool {
	t.Helper()
	for range 2 {
		before := w.toReplica.Stats().Requests
		if _, err := read(timeout(t), w.db, session, "n"); err != nil {
			t.Fatal(err)
		}
		if w.toReplica.Stats().Requests == before {
			return false
		}
	}
	return true
}

// servesOne tells whether a session read is answered, and it must be with 1. One is
// forgiven that took longer than making a connection may: then the machine stood still.
func (w *withReplica) servesOne(t *testing.T) bool {
	t.Helper()
	begun := time.Now()
	n, err := read(timeout(t), w.db, session, "n")
	if errors.Is(err, sqldb.ErrUnavailable) && time.Since(begun) > 5*time.Second {
		return false
	}
	if n != 1 || err != nil {
		t.Errorf("read %d, %v; want 1", n, err)
	}
	return true
}

// awaitReplica waits until the replica has n and serves session reads.
func (w *withReplica) awaitReplica(t *testing.T, n int64) {
	t.Helper()
	await.That(t, "the replica has it", func() bool {
		// Asked directly: through the node, the primary may answer.
		rows, err := w.replica.Query(timeout(t), fmt.Sprintf("SELECT 'row' FROM cells WHERE name='n' AND n=%d", n))
		return err == nil && strings.Contains(rows, `"row"`)
	})
	await.That(t, "the replica serves", func() bool { return w.replicaServes(t) })
}

func TestAReplicaThatFailsIsLeftAloneAndThePrimaryServes(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ fail, heal func(w *withReplica) error }{
		"it is stopped": {
			func(w *withReplica) error { return w.replica.Pause() },
			func(w *withReplica) error { return w.replica.Resume() }},
		"the network swallows everything": {
			func(w *withReplica) error { w.toReplica.BlackHole(); return nil },
			func(w *withReplica) error { return w.toReplica.Heal() }},
		"it is down": {
			func(w *withReplica) error { return w.replica.Kill() },
			func(w *withReplica) error { return w.replica.Start(context.Background()) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWithReplica(t)
			mustDo(t, w.db, put("n", 1))
			w.awaitReplica(t, 1)
			asked := func() int { s := w.toReplica.Stats(); return s.Requests + s.Accepted }
			before := asked()
			if err := fault.fail(w); err != nil {
				t.Fatal(err)
			}
			await.That(t, "reads try the replica", func() bool {
				var slow sync.WaitGroup
				var served atomic.Int32
				for range 32 { // they fail together and count once
					slow.Go(func() {
						if w.servesOne(t) {
							served.Add(1)
						}
					})
				}
				slow.Wait()
				return served.Load() == 32 && asked() > before
			})
			// For longer and longer, so that this is seen on any machine.
			await.That(t, "a read leaves the replica alone", func() bool {
				before := asked()
				return w.servesOne(t) && asked() == before
			})
			if err := fault.heal(w); err != nil {
				t.Fatal(err)
			}
			await.That(t, "the replica serves again", func() bool { return w.replicaServes(t) })
		})
	}
}

func TestACallerInAHurryDoesNotTurnOthersFromTheReplica(t *testing.T) {
	t.Parallel()
	w := newWithReplica(t)
	mustDo(t, w.db, put("n", 1))
	w.awaitReplica(t, 1)
	w.toReplica.PauseAnswers()
	// For longer and longer, so that it asks the replica on any machine.
	asked := w.toReplica.Stats().Requests
	for hurry := 10 * time.Millisecond; w.toReplica.Stats().Requests == asked; hurry *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), hurry)
		if _, err := read(ctx, w.db, session, "n"); err == nil {
			t.Error("the hurried read was answered")
		}
		cancel()
	}
	w.toReplica.ResumeAnswers()
	before := w.toReplica.Stats().Requests
	if n, err := read(timeout(t), w.db, session, "n"); n != 1 || err != nil {
		t.Errorf("read %d, %v; want 1", n, err)
	}
	if w.toReplica.Stats().Requests == before {
		t.Error("the next read did not go to the replica")
	}
}

func TestASessionSeesItsOwnWritesHoweverFarTheReplicaIsBehind(t *testing.T) {
	t.Parallel()
	w := newWithReplica(t)
	w.feed.SetDelay(30 * time.Millisecond)
	pairs := 100
	if nodetest.Soaking() {
		pairs = 10_000
	}
	for i := int64(1); i <= int64(pairs); i++ {
		mustDo(t, w.db, put("n", i))
		if n, err := read(timeout(t), w.db, session, "n"); n != i || err != nil {
			t.Fatalf("after writing %d a session read shows %d, %v", i, n, err)
		}
	}
}

func TestAMinimumIsWaitedForAndOneFromTheFutureIsAnError(t *testing.T) {
	t.Parallel()
	w := newWithReplica(t)
	other := open(t, sqldb.Config{PrimaryURL: w.primary.HTTPURL()})
	w.feed.BlackHole() // the replica hears of nothing any more
	commit := mustDo(t, other, put("n", 7))
	for _, anyAge := range []bool{false, true} {
		fresh := sqldb.Freshness{Replica: true, AnyAge: anyAge, Min: commit.Versionstamp()}
		if n, err := read(timeout(t), w.db, fresh, "n"); n != 7 || err != nil {
			t.Errorf("with the minimum: %d, %v; want 7", n, err)
		}
	}
	future := sqldb.MakePosition(commit.Incarnation, commit.Txn+100, 0)
	for _, fresh := range []sqldb.Freshness{{Min: future}, {Replica: true, Min: future}} {
		_, err := read(timeout(t), w.db, fresh, "n")
		wantErr(t, answer{err: err}, sqldb.ErrFuture)
	}
}

func TestEventualReadsGoOnWithoutThePrimary(t *testing.T) {
	t.Parallel()
	w := newWithReplica(t)
	mustDo(t, w.db, put("n", 1))
	w.awaitReplica(t, 1)
	w.feed.BlackHole()
	mustDo(t, w.db, put("n", 2)) // the replica will never have it
	if err := w.primary.Kill(); err != nil {
		t.Fatal(err)
	}
	eventual := sqldb.Freshness{Replica: true, AnyAge: true}
	slow := false
	for range 20 {
		// A session read cannot be served, and must not keep the others from it.
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := read(short, w.db, session, "n"); err == nil {
			t.Error("a session read was served from an old replica")
		}
		cancel()
		await.That(t, "an eventual read is answered", func() bool {
			before := w.toReplica.Stats().Requests
			n, err := read(timeout(t), w.db, eventual, "n")
			if err != nil {
				// A replica that answers late, on a slow machine, is left alone.
				if slow = slow || w.toReplica.Stats().Requests > before; !slow {
					t.Fatalf("an eventual read: %v, and the replica was not asked", err)
				}
				return false
			}
			if n > 1 { // 0: a replica that has lost its feed may go back a little
				t.Fatalf("an eventual read: %d, want the replica's 1", n)
			}
			return true
		})
	}
}

func TestPointReadsThatComeTogetherAreOneStatement(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	var mu sync.Mutex
	var batches []int
	gate := make(chan struct{})
	merged := sqldb.NewCoalescer(db, func(_ context.Context, _ sqldb.Reader, keys []string) ([]string, sqldb.Position, error) {
		mu.Lock()
		batches = append(batches, len(keys))
		mu.Unlock()
		<-gate
		if len(keys) > 100 {
			return nil, "", fmt.Errorf("%d keys: %w", len(keys), sqldb.ErrTooLarge)
		}
		values := make([]string, len(keys))
		for i, k := range keys {
			values[i] = "value of " + k
		}
		return values, "", nil
	})
	var readers sync.WaitGroup
	const count = 300
	for i := range count {
		readers.Go(func() {
			keys := []string{fmt.Sprint(i), fmt.Sprint(i, "b")}
			values, _, err := merged.Get(timeout(t), sqldb.Freshness{}, keys)
			if want := []string{"value of " + keys[0], "value of " + keys[1]}; err != nil || !slices.Equal(values, want) {
				t.Errorf("got %v, %v; want %v", values, err, want)
			}
		})
	}
	await.That(t, "all have come", func() bool {
		mu.Lock()
		defer mu.Unlock()
		taken := 0
		for _, keys := range batches {
			taken += keys / 2
		}
		return taken+sqldb.Waiting(merged) == count
	})
	close(gate)
	readers.Wait()
	_, _, err := merged.Get(timeout(t), sqldb.Freshness{}, make([]string, 101))
	wantErr(t, answer{err: err}, sqldb.ErrTooLarge) // it cannot be split
	if slices.Max(batches) > 512 {
		t.Errorf("a statement had %d keys", slices.Max(batches))
	}
	// 600 keys, at most 100 a statement that works, halved from at most 512.
	if len(batches) > 30 {
		t.Errorf("%d statements for %d reads: %v", len(batches), count, batches)
	}
}

// A read that takes longer than the replica's patience is answered by the primary, and
// others go on to be answered by the replica.
func TestALargeReadDoesNotTurnOthersFromTheReplica(t *testing.T) {
	t.Parallel()
	w := newWithReplica(t)
	mustDo(t, w.db, put("n", 1))
	w.awaitReplica(t, 1)
	asked := 0
	err := w.db.Read(timeout(t), session, func(ctx context.Context, r sqldb.Reader) (sqldb.Position, error) {
		if asked++; asked > 1 {
			return sqldb.Floor(w.db), nil
		}
		<-ctx.Done() // as a statement that takes long
		_, err := r.Query(ctx, sqldb.Stmt{SQL: "SELECT 1"})
		return "", err
	})
	if err != nil || asked != 2 {
		t.Errorf("asked %d times, %v; want the replica and then the primary", asked, err)
	}
	before := w.toReplica.Stats().Requests
	if _, err := read(timeout(t), w.db, session, "n"); err != nil || w.toReplica.Stats().Requests == before {
		t.Errorf("the next read: %v, %d requests to the replica, want another one", err, w.toReplica.Stats().Requests-before)
	}
}

func TestALargeReadHasNotBegunWhileItWaitsForOthers(t *testing.T) {
	t.Parallel()
	db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
	gone, leave := context.WithCancel(timeout(t))
	leave()
	begun := 0
	st := sqldb.Stmt{SQL: "SELECT 1", Begun: func() { begun++ }}
	var beside func(others int) error
	beside = func(others int) error {
		if others == 0 {
			_, err := db.Primary().QueryLarge(gone, st)
			return err
		}
		return db.Snapshot(timeout(t), func(sqldb.Querier) error { return beside(others - 1) })
	}
	if err := beside(sqldb.LargeReads); err == nil || begun != 0 {
		t.Errorf("beside as many as there may be: %v, begun %d times", err, begun)
	}
	if _, err := db.Primary().QueryLarge(timeout(t), st); err != nil || begun != 1 {
		t.Errorf("alone: %v, begun %d times", err, begun)
	}
}
