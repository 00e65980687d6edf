package sqldb_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

func TestCloseWaitsForTheGroupInFlightAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	held := b.proxy.HoldNextAnswer(commitBatch)
	inFlight := start(timeout(t), b.db, add("n", nil))
	wait(t, held)
	waiting := start(timeout(t), b.db, add("n", nil))
	waitPending(t, b.db, 1)
	closed := make(chan error, 1)
	go func() { closed <- b.db.Close() }()
	wantErr(t, receive(t, waiting), sqldb.ErrUnavailable)
	held.Release()
	wantErr(t, receive(t, inFlight), nil)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wantValue(t, b.direct, "n", 1)
	wantErr(t, receive(t, start(timeout(t), b.db, add("n", nil))), sqldb.ErrUnavailable)
	if err := b.db.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

func TestCloseDuringLoadAnswersEverybodyTruly(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	db, other := open(t, sqldb.Config{PrimaryURL: url}), open(t, sqldb.Config{PrimaryURL: url})
	var mu sync.Mutex
	committed := int64(0)
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for {
				_, err := db.Do(timeout(t), add("n", nil))
				switch {
				case err == nil:
					mu.Lock()
					committed++
					mu.Unlock()
				case errors.Is(err, sqldb.ErrUnavailable):
					return
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	await.That(t, "work is under way", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return committed > 200
	})
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	workers.Wait()
	wantValue(t, other, "n", committed)
}

func TestSoakCloseDoesNotWaitForEverForADatabaseThatHangs(t *testing.T) {
	t.Parallel()
	nodetest.OnlyInSoak(t)
	b := newBehindProxy(t)
	held := b.proxy.HoldNextAnswer(commitBatch)
	inFlight := start(context.Background(), b.db, put("n", 1))
	wait(t, held)
	b.proxy.BlackHole()
	begun := time.Now()
	if err := b.db.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 25*time.Second {
		t.Errorf("Close took %v", took)
	}
	wantErr(t, receive(t, inFlight), sqldb.ErrCommitUnknown)
}

func TestWhatWasNotSentWhenCloseWaitsNoLongerIsNotInDoubt(t *testing.T) {
	t.Parallel()
	url, logs := embeddedURL(t), &lockedText{}
	db := open(t, sqldb.Config{PrimaryURL: url, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	impatient(t, db)
	_, err := db.Do(timeout(t), &sqldb.Op{Name: "leave open", Apply: func(*sqldb.Tx) error {
		sqldb.LeaveOpen(db, errors.New("SQLite error: database or disk is full"))
		return errBlock
	}})
	wantErr(t, answer{err: err}, errBlock)
	release := hold(t, url)
	waiting := start(timeout(t), db, add("n", nil))
	await.That(t, "the number before is being closed", func() bool { return strings.Contains(logs.String(), "cannot be reached") })
	sqldb.Hurry(db)
	a := receive(t, waiting)
	if wantErr(t, a, sqldb.ErrUnavailable); errors.Is(a.err, sqldb.ErrCommitUnknown) {
		t.Errorf("the answer is %v, although nothing was sent", a.err)
	}
	release()
	wantValue(t, db, "n", 0)
}
