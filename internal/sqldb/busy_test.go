package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

func TestWhatFindsTheDatabaseBusyIsRepeatedForAWhile(t *testing.T) {
	t.Parallel()
	busy, broken := errors.New("SQLite error: database is locked"), errors.New("SQLite error: no such table: t")
	for _, c := range []struct {
		name     string
		errs     []error // of one try after the other; the last stays
		want     error
		tries    int
		patience time.Duration
	}{
		{"at once", []error{nil}, nil, 1, 0},
		{"busy, then not", []error{busy, busy, nil}, nil, 3, 10 * time.Millisecond},
		{"another error", []error{broken}, broken, 1, 0},
		{"busy for ever", []error{busy}, busy, 2000, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, tries := time.Now(), 0
				err := whileBusy(t.Context(), func() error {
					tries++
					return c.errs[min(tries, len(c.errs))-1]
				})
				if !errors.Is(err, c.want) || tries < c.tries || tries > c.tries+1 {
					t.Errorf("got %v after %d tries, want %v after %d", err, tries, c.want, c.tries)
				}
				if took := time.Since(begun); took != c.patience {
					t.Errorf("took %v, want %v", took, c.patience)
				}
			})
		})
	}
}

func TestWhatTakesLongerThanAllTriesMayIsTriedAgainNevertheless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		err := whileBusy(t.Context(), func() error {
			if tries++; tries == 1 {
				await.Pass(time.Minute)
				return errors.New("failed to execute SQL:\nerror code 400: ") // an expired stream
			}
			return nil
		})
		if err != nil || tries != 2 {
			t.Errorf("got %v after %d tries, want success after 2", err, tries)
		}
	})
}

// slowConnector takes a minute to connect.
type slowConnector struct{ driver.Connector }

func (slowConnector) Connect(context.Context) (driver.Conn, error) {
	<-time.After(time.Minute)
	return closedConn{}, nil
}

type closedConn struct{ driver.Conn }

func (closedConn) Close() error { return nil }

func TestOnlyAServerHasToLetUsInWithinATime(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]error{"file:x.db": nil, "http://x": context.DeadlineExceeded, "ws://x": context.DeadlineExceeded} {
		synctest.Test(t, func(t *testing.T) {
			if _, err := (boundedConnector{slowConnector{}, connectLimit(address)}).Connect(t.Context()); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", address, err, want)
			}
			await.Pass(time.Minute) // what nobody waits for any more ends as well
		})
	}
}
