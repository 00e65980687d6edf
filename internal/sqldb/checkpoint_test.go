package sqldb_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// logging is a database whose operations insert a megabyte each.
type logging struct {
	file string
	db   *sqldb.DB
}

func newLogging(t *testing.T) *logging {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyval.db")
	l := &logging{file, open(t, sqldb.Config{PrimaryURL: "file:" + file})}
	mustDo(t, l.db, run("CREATE TABLE blobs(b BLOB)"))
	return l
}

func (l *logging) write(t *testing.T) {
	op := run("INSERT INTO blobs VALUES(zeroblob(1000000))")
	op.Bytes = 1_000_000
	if _, err := l.db.Do(t.Context(), op); err != nil {
		t.Error(err)
	}
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	nodetest.Check(t, err)
	return info.Size()
}

func TestWhatIsWrittenGoesToTheFileBesidesTheCommits(t *testing.T) {
	t.Parallel()
	l := newLogging(t)
	for range 6 { // fewer than a commit would copy by itself
		l.write(t)
	}
	await.That(t, "the file has what was written", func() bool { return size(t, l.file) > 4_000_000 })
}

func TestTheLogStaysShortAlthoughWritersNeverPause(t *testing.T) {
	t.Parallel()
	l := newLogging(t)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 30 {
				l.write(t)
			}
		})
	}
	writers.Wait()
	// Left alone it would have more than was written. How much less depends on when the
	// copying has its turn.
	if n := size(t, l.file+"-wal"); n > 90_000_000 {
		t.Errorf("the log has %d bytes after 120,000,000, want at most three quarters", n)
	}
}
