package sqldb_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

func TestALostAnswerIsFoundOutAndTheOperationIsNotDoneTwice(t *testing.T) {
	t.Parallel()
	for name, arm := range map[string]func(*nodetest.FaultProxy) *nodetest.Fault{
		"the request never arrived":   func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextRequest(commitBatch) },
		"the answer was cut":          func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextAnswer(commitBatch) },
		"the answer was cut half way": func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextAnswerAfter(commitBatch, 200) },
		"the request arrived twice":   func(p *nodetest.FaultProxy) *nodetest.Fault { return p.DuplicateNextRequest(commitBatch) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehindProxy(t)
			first := mustDo(t, b.db, add("n", nil))
			var last sqldb.Commit
			for want := int64(2); want <= 4; want++ {
				fault := arm(b.proxy)
				var seen int64
				op := add("n", &seen)
				if want%2 == 0 {
					op = onNewStream(b.db, op)
				}
				a := receive(t, start(timeout(t), b.db, op))
				if a.err != nil {
					t.Fatalf("the answer is %v, want the operation's true outcome", a.err)
				}
				wait(t, fault)
				if seen != want {
					t.Errorf("the operation made it %d, want %d", seen, want)
				}
				last = a.commit
				b.wantStamp(t, "n", last)
			}
			if last.Versionstamp() <= first.Versionstamp() {
				t.Errorf("versionstamp %s, want one after %s", last.Versionstamp(), first.Versionstamp())
			}
			wantValue(t, b.direct, "n", 4)
		})
	}
}

// onNewStream makes an operation's batch the first request of its stream, as
// after some idle seconds: then it carries no baton, by which sqld would tell
// a repetition.
func onNewStream(db *sqldb.DB, op *sqldb.Op) *sqldb.Op {
	apply := op.Apply
	op.Apply = func(tx *sqldb.Tx) error {
		sqldb.NewStream(db)
		return apply(tx)
	}
	return op
}

// wantStamp compares an operation's versionstamp with what the database
// says.
func (b *behindProxy) wantStamp(t *testing.T, name string, commit sqldb.Commit) {
	t.Helper()
	rows, err := b.direct.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT stamp FROM cells WHERE name=?", Args: []any{name}})
	if err != nil || len(rows) != 1 {
		t.Fatalf("read the stamp: %v, %v", rows, err)
	}
	if got := rows[0].Text(0); got != string(commit.Versionstamp()) {
		t.Errorf("answered with versionstamp %s, the database has %s", commit.Versionstamp(), got)
	}
}

func TestWhatIsLostInALockedGroupIsNotDoneTwice(t *testing.T) {
	t.Parallel()
	writes := []byte("INSERT OR REPLACE INTO cells")
	for name, arm := range map[string]func(*nodetest.FaultProxy) *nodetest.Fault{
		"the request that opens it never arrived": func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextRequest(commitBatch) },
		"its opening was not answered":            func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextAnswer(commitBatch) },
		"the request never arrived":               func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextRequest(writes) },
		"the answer was cut":                      func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextAnswer(writes) },
		"the request arrived twice":               func(p *nodetest.FaultProxy) *nodetest.Fault { return p.DuplicateNextRequest(writes) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehindProxy(t)
			fault := arm(b.proxy)
			op := add("n", nil)
			op.Locked = &sqldb.LockedRead{Found: func([][]sqldb.Row) {}}
			mustDo(t, b.db, op)
			wait(t, fault)
			wantValue(t, b.direct, "n", 1)
		})
	}
}

func TestALockedGroupThatLosesItsTransactionStartsAgain(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	mustDo(t, b.db, add("n", nil))
	op, lost := add("n", nil), false
	apply := op.Apply
	op.Locked = &sqldb.LockedRead{Found: func([][]sqldb.Row) {}}
	op.Apply = func(tx *sqldb.Tx) error {
		if !lost {
			lost = true
			// As after a pause of this process: the stream is gone, and with
			// it the lock; another node writes.
			sqldb.NewStream(b.db)
			mustDo(t, b.direct, put("n", 10))
		}
		return apply(tx)
	}
	mustDo(t, b.db, op)
	wantValue(t, b.direct, "n", 11)
}

func TestAGroupThatLosesItsTransactionWritesNothingBesideIt(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	op := run("INSERT INTO no_such_table VALUES (1)")
	op.Locked = &sqldb.LockedRead{Found: func([][]sqldb.Row) {}}
	op.Apply = func(tx *sqldb.Tx) error {
		sqldb.NewStream(b.db)
		cells.Put(tx, "half", cell{n: 1})
		return nil
	}
	if a := receive(t, start(timeout(t), b.db, op)); a.err == nil {
		t.Error("the operation is said to have committed")
	}
	wantValue(t, b.direct, "half", 0)
}

func TestALockedGroupWhoseLockWasTakenAwayStartsAgain(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	mustDo(t, b.db, add("n", nil))
	op, lost := add("n", nil), false
	apply := op.Apply
	op.Locked = &sqldb.LockedRead{Found: func([][]sqldb.Row) {}}
	op.Apply = func(tx *sqldb.Tx) error {
		if !lost {
			lost = true
			mustDo(t, b.direct, put("n", 10)) // sqld takes the lock from us after 5 s
		}
		return apply(tx)
	}
	mustDo(t, b.db, op)
	wantValue(t, b.direct, "n", 11)
}

func TestABatchThatArrivesAfterItsNumberWasClosedChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	mustDo(t, b.db, add("n", nil))
	held := b.proxy.HoldNextRequest(commitBatch)
	answers := start(timeout(t), b.db, onNewStream(b.db, add("n", nil)))
	wait(t, held)
	closed := b.proxy.NoteNextRequest(closeBatch)
	// The node gives the batch up, closes its number and commits anew.
	if a := receive(t, answers); a.err != nil {
		t.Fatal(a.err)
	}
	wait(t, closed)
	wantValue(t, b.direct, "n", 2)
	held.Release()
	// Whether it has arrived shows when it is sent once more, openly.
	status, body, err := b.proxy.Send(timeout(t), held.Request())
	if err != nil || status != 200 {
		t.Fatalf("replay: %d, %v", status, err)
	}
	wantGuard(t, body, "lost_group")
	wantValue(t, b.direct, "n", 2)
	mustDo(t, b.db, add("n", nil))
	wantValue(t, b.direct, "n", 3)
}

func TestAReplayedBatchChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	seen := b.proxy.NoteNextRequest(commitBatch)
	mustDo(t, b.db, onNewStream(b.db, put("n", 1)))
	wait(t, seen)
	replay := func() {
		t.Helper()
		_, body, err := b.proxy.Send(timeout(t), seen.Request())
		if err != nil {
			t.Fatal(err)
		}
		wantGuard(t, body, "lost_group")
	}
	replay()
	mustDo(t, b.db, put("n", 2))
	replay()
	wantValue(t, b.direct, "n", 2)
}

func TestAKilledPrimaryLosesNoAnswerAndDoesNothingTwice(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*nodetest.FaultProxy) *nodetest.Fault{
		"before the commit": func(p *nodetest.FaultProxy) *nodetest.Fault { return p.HoldNextRequest(commitBatch) },
		"after the commit":  func(p *nodetest.FaultProxy) *nodetest.Fault { return p.HoldNextAnswer(commitBatch) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehindProxy(t)
			mustDo(t, b.db, add("n", nil))
			fault := hold(b.proxy)
			answers := start(timeout(t), b.db, add("n", nil))
			wait(t, fault)
			if err := b.primary.Kill(); err != nil {
				t.Fatal(err)
			}
			fault.Drop()
			if err := b.primary.Start(timeout(t)); err != nil {
				t.Fatal(err)
			}
			if a := receive(t, answers); a.err != nil {
				t.Fatal(a.err)
			}
			wantValue(t, b.direct, "n", 2)
		})
	}
}

func TestAStoppedPrimaryDoesNothingTwiceOnceItGoesOn(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	mustDo(t, b.db, add("n", nil))
	for !b.losesTheAnswerWhileStopped(t, put("n", 2)) { // reads nothing, so the batch is on its way
	}
	mustDo(t, b.db, add("n", nil))
	wantValue(t, b.direct, "n", 3)
}

// losesTheAnswerWhileStopped has the primary stand still with a commit on its way until it is
// known to be silent. It tells whether the committer had to find out what became of it: a
// primary that goes on may answer in the last moment.
func (b *behindProxy) losesTheAnswerWhileStopped(t *testing.T, op *sqldb.Op) bool {
	t.Helper()
	await.That(t, "the primary is known to answer", func() bool {
		select {
		case <-b.db.Silence():
			return false
		default:
			return true
		}
	})
	if err := b.primary.Pause(); err != nil {
		t.Fatal(err)
	}
	sent, closing := b.proxy.NoteNextRequest(commitBatch), b.proxy.NoteNextRequest(closeBatch)
	defer closing.Release()
	answers := start(timeout(t), b.db, op)
	wait(t, sent)
	<-b.db.Silence()
	if err := b.primary.Resume(); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, answers); a.err != nil {
		t.Fatal(a.err)
	}
	return closing.Request() != nil
}

func TestARestoreDuringALostAnswerIsNotTakenForTheCommit(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	mustDo(t, b.db, put("n", 1))
	mustDo(t, b.db, put("n", 2))
	held := b.proxy.HoldNextRequest(commitBatch)
	answers := start(timeout(t), b.db, put("n", 3))
	wait(t, held)
	// The node's row as it was before its last group, as in a backup.
	if _, err := b.primary.Query(timeout(t), "UPDATE keyval_nodes SET last_group=last_group-1"); err != nil {
		t.Fatal(err)
	}
	held.Drop()
	if a := receive(t, answers); a.err != nil {
		t.Fatal(a.err)
	}
	wantValue(t, b.direct, "n", 3)
}

func TestACallerIsToldUnknownOnlyWhenItsTimeIsUpFirst(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	held := b.proxy.HoldNextAnswer(commitBatch)
	ctx, cancel := context.WithCancel(t.Context())
	impatient := start(ctx, b.db, add("n", nil))
	wait(t, held)
	patient := start(timeout(t), b.db, add("n", nil))
	waitPending(t, b.db, 1)
	cancel()
	wantErr(t, receive(t, impatient), sqldb.ErrCommitUnknown)
	held.Drop()
	if a := receive(t, patient); a.err != nil {
		t.Error(a.err)
	}
	wantValue(t, b.direct, "n", 2)
}

func TestNothingSentMeansUnavailableAndNothingWritten(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	if err := b.proxy.Refuse(); err != nil {
		t.Fatal(err)
	}
	b.proxy.CutConnections()
	for _, op := range []*sqldb.Op{add("n", nil), put("n", 7)} {
		a := receive(t, start(timeout(t), b.db, op))
		wantErr(t, a, sqldb.ErrUnavailable)
		if errors.Is(a.err, sqldb.ErrCommitUnknown) {
			t.Errorf("%s: the outcome is said to be unknown", op.Name)
		}
	}
	if err := b.proxy.Accept(); err != nil {
		t.Fatal(err)
	}
	wantValue(t, b.direct, "n", 0)
	mustDo(t, b.db, add("n", nil))
	wantValue(t, b.direct, "n", 1)
}

func TestCountersStayExactWhileTheConnectionKeepsBreaking(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	stop := make(chan struct{})
	var added atomic.Int64 // through the proxy
	var breaking sync.WaitGroup
	breaking.Go(func() {
		for i := 0; ; i++ {
			before := added.Load()
			var fault *nodetest.Fault
			switch i % 4 {
			case 0:
				fault = b.proxy.CutNextAnswer(commitBatch)
			case 1:
				fault = b.proxy.CutNextRequest(commitBatch)
			case 2:
				fault = b.proxy.DuplicateNextRequest(commitBatch)
			case 3:
				fault = b.proxy.CutNextAnswer(closeBatch)
			}
			select {
			case <-fault.Happened():
			case <-time.After(50 * time.Millisecond):
				b.proxy.CutConnections()
			case <-stop:
			}
			fault.Release()
			// However slow the machine is, something comes through between two faults.
			for added.Load() == before {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}
	})
	workers, each := 8, 25
	if testing.Short() {
		each = 5
	}
	var answered sync.WaitGroup
	for w := range workers {
		db := b.db
		if w%4 == 3 {
			db = b.direct
		}
		answered.Go(func() {
			for range each {
				for {
					_, err := db.Do(timeout(t), add("n", nil))
					if err == nil {
						if db == b.db {
							added.Add(1)
						}
						break
					}
					if !errors.Is(err, sqldb.ErrUnavailable) { // which promises that nothing was written
						t.Error(err)
						return
					}
				}
			}
		})
	}
	answered.Wait()
	close(stop)
	breaking.Wait()
	wantValue(t, b.direct, "n", int64(workers*each))
}
