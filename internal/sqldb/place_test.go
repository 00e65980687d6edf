package sqldb_test

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

func TestAFileThatIsMovedOrReplacedIsNotWrittenUntilItIsBack(t *testing.T) {
	t.Parallel()
	url, logs := embeddedURL(t), &lockedText{}
	db := open(t, sqldb.Config{PrimaryURL: url, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	mustDo(t, db, add("n", nil))
	file := strings.TrimPrefix(url, "file:")
	for _, fill := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(file, []byte("another one"), 0o600) },
	} {
		if err := errors.Join(os.Rename(file, file+".away"), fill()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			wantErr(t, receive(t, start(timeout(t), db, add("n", nil))), sqldb.ErrMoved)
		}
		wantErr(t, answer{err: db.Writable(t.Context())}, sqldb.ErrMoved)
		if err := os.Rename(file+".away", file); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it takes writes", func() bool { return db.Writable(t.Context()) == nil })
		mustDo(t, db, add("n", nil))
	}
	wantValue(t, db, "n", 3)
	if got := strings.Count(logs.String(), "was moved or replaced; writes are refused"); got != 2 {
		t.Errorf("the log says so %d times, want once each time:\n%s", got, logs)
	}
}
