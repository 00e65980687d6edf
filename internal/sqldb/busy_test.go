package sqldb

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
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
