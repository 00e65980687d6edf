package sqldb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// openHasty opens a database whose silence is known soon: on a slow machine at times that
// of one which lives. What there is in it the patient one tells.
func openHasty(t *testing.T, primary *nodetest.Sqld) (hasty, patient *sqldb.DB) {
	t.Helper()
	patient = open(t, sqldb.Config{PrimaryURL: primary.HTTPURL()})
	mustDo(t, patient, add("n", nil))
	hasty, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: primary.HTTPURL(), SlowAfter: roughly, SilentAfter: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hasty.Close() })
	return hasty, patient
}

func pause(t *testing.T, server *nodetest.Sqld) {
	t.Helper()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Resume() })
}

func resume(t *testing.T, server *nodetest.Sqld) {
	t.Helper()
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
}

// awaitAnswers waits until a read of the primary is answered again; nobody writes.
func awaitAnswers(t *testing.T, db *sqldb.DB) {
	t.Helper()
	await.That(t, "the primary is asked again", func() bool {
		_, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT 1"})
		return err == nil
	})
}

func wantSilent(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, sqldb.ErrUnavailable) || errors.Is(err, sqldb.ErrCommitUnknown) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: %v, want that the database is unavailable", what, err)
	}
}

// Nobody who asks has a deadline that comes before the test's.
func TestAFrozenPrimaryIsUnavailableForReadsAloneAndComesBackByItself(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	db, patient := openHasty(t, primary)
	point := sqldb.NewCoalescer(db, func(ctx context.Context, r sqldb.Reader, keys []string) ([]int64, sqldb.Position, error) {
		_, err := r.Query(ctx, sqldb.Stmt{SQL: "SELECT 1"})
		return make([]int64, len(keys)), "", err
	})
	calls := map[string]func() error{
		"a statement": func() error {
			_, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT 1"})
			return err
		},
		"a point read": func() error {
			_, _, err := point.Get(timeout(t), sqldb.Freshness{}, []string{"n"})
			return err
		},
		"a snapshot": func() error {
			return db.Snapshot(timeout(t), func(q sqldb.Querier) error {
				_, err := q.Query(timeout(t), sqldb.Stmt{SQL: "SELECT 1"})
				return err
			})
		},
		"readiness": func() error { return db.Ping(timeout(t)) },
	}
	pause(t, primary)
	answers := make(chan func(), len(calls))
	for name, call := range calls {
		go func() {
			err := call()
			answers <- func() { wantSilent(t, name, err) }
		}()
	}
	for range calls {
		(<-answers)()
	}
	a := receive(t, start(timeout(t), db, put("n", 7)))
	wantSilent(t, "a write", a.err)
	resume(t, primary)
	awaitAnswers(t, db)
	await.That(t, "a write is taken", func() bool { return receive(t, start(timeout(t), db, put("n", 2))).err == nil })
	wantValue(t, patient, "n", 2)
}

// The server has the first in its socket, and will do it once it goes on.
func TestWhatWasSentToAFrozenPrimaryIsFoundOutAndWhatWaitsBehindItIsRefused(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	db, patient := openHasty(t, primary)
	frozen, goOn := make(chan struct{}), make(chan struct{})
	sent := start(timeout(t), db, &sqldb.Op{Name: "sent", Apply: func(tx *sqldb.Tx) error {
		select {
		case <-frozen:
		default:
			close(frozen)
			<-goOn
		}
		cells.Put(tx, "sent", cell{n: 1})
		return nil
	}})
	<-frozen
	behind := start(timeout(t), db, put("behind", 1))
	waitPending(t, db, 1)
	pause(t, primary)
	close(goOn)
	wantSilent(t, "what waits behind it", receive(t, behind).err)
	wantSilent(t, "what comes", receive(t, start(timeout(t), db, put("behind", 1))).err)
	select {
	case a := <-sent:
		t.Errorf("what was sent is answered with %v, and nobody can know", a.err)
	default:
	}
	resume(t, primary)
	wantErr(t, receive(t, sent), nil)
	wantValue(t, patient, "sent", 1)
	wantValue(t, patient, "behind", 0)
}

func TestALongStatementAloneDoesNotMakeThePrimarySilent(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	db := open(t, sqldb.Config{PrimaryURL: primary.HTTPURL(), SlowAfter: time.Millisecond, SilentAfter: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 2*roughly)
	defer cancel()
	endless := sqldb.Stmt{SQL: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n"}
	_, err := db.Primary().Query(ctx, endless)
	wantErr(t, answer{err: err}, context.DeadlineExceeded)
	select {
	case <-db.Silence():
		t.Error("the primary is held for silent")
	default:
	}
	mustDo(t, db, add("n", nil))
}
