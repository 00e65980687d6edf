package sqldb_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// logging is a database whose operations write a row of a megabyte each.
type logging struct {
	file string
	db   *sqldb.DB
}

func newLogging(t *testing.T) *logging {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyval.db")
	l := &logging{file, open(t, sqldb.Config{PrimaryURL: "file:" + file})}
	mustDo(t, l.db, run("CREATE TABLE blobs(id INTEGER PRIMARY KEY,b BLOB)"))
	return l
}

const megabyte = 1_000_000

func (l *logging) write(t *testing.T, row int) {
	op := run(fmt.Sprintf("INSERT OR REPLACE INTO blobs VALUES(%d,zeroblob(%d))", row, megabyte))
	op.Bytes = megabyte
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
	for row := range 6 { // fewer than a commit would copy by itself
		l.write(t, row)
	}
	await.That(t, "the file has what was written", func() bool { return size(t, l.file) > 4_000_000 })
}

func TestTheLogBeginsAnewAlthoughWritersNeverPause(t *testing.T) {
	t.Parallel()
	l := newLogging(t)
	var written atomic.Int64
	var writers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for row := range 4 {
		writers.Go(func() {
			for range 250 {
				if ctx.Err() != nil {
					return
				}
				l.write(t, row)
				written.Add(megabyte)
			}
		})
	}
	// Left alone it would have more than was written. When the copying has its turn depends
	// on the machine.
	await.That(t, "twice as much was written as the log has", func() bool { return size(t, l.file+"-wal") < written.Load()/2 },
		func() string {
			return fmt.Sprintf("%d bytes were written, it has %d", written.Load(), size(t, l.file+"-wal"))
		})
	stop()
	writers.Wait()
}
