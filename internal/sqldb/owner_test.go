package sqldb_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

func TestAnOwnedDatabaseIsNotOpenedByAnotherOwner(t *testing.T) {
	t.Parallel()
	url := embeddedURL(t)
	owned := sqldb.Config{PrimaryURL: url, Own: true}
	first := open(t, owned)
	_, err := sqldb.Open(timeout(t), owned)
	if e, ok := errors.AsType[*sqldb.OwnedError](err); !ok || e.Pid != os.Getpid() || e.File != strings.TrimPrefix(url, "file:") {
		t.Fatalf("got %v, want that process %d owns %s", err, os.Getpid(), url)
	}
	mustDo(t, first, add("n", nil)) // undisturbed
	wantValue(t, openRead(t, url), "n", 1)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(strings.TrimPrefix(url, "file:") + "-owner"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the owner's file stays: %v", err)
	}
	mustDo(t, open(t, owned), add("n", nil))
}

// openRead opens a database without owning it.
func openRead(t *testing.T, url string) *sqldb.DB {
	t.Helper()
	return open(t, sqldb.Config{PrimaryURL: url})
}
