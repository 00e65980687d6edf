package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// A small database on a small disk that a test fills.
type smallDisk struct {
	*nodetest.Disk
	db     *sqldb.DB
	url    string
	logs   *lockedText
	blobs  int64 // that were answered
	counts int64 // additions to n that were answered
}

// lockedText keeps what is logged.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// onBothEngines runs a test on an embedded database and on a server, each with a disk
// of its own.
func onBothEngines(t *testing.T, test func(t *testing.T, s *smallDisk)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		disk := nodetest.MustMountDisk(t, 12<<20)
		test(t, newSmallDisk(t, disk, "file:"+filepath.Join(disk.Dir(), "keyval.db")))
	})
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		disk := nodetest.MustMountDisk(t, 12<<20)
		primary := nodetest.MustStartPrimaryIn(t, filepath.Join(disk.Dir(), "sqld"))
		test(t, newSmallDisk(t, disk, primary.HTTPURL()))
	})
}

func newSmallDisk(t *testing.T, disk *nodetest.Disk, url string) *smallDisk {
	t.Helper()
	s := &smallDisk{Disk: disk, url: url, logs: &lockedText{}}
	s.db = open(t, sqldb.Config{PrimaryURL: url, Logger: slog.New(slog.NewTextHandler(s.logs, nil))})
	mustDo(t, s.db, run("CREATE TABLE blobs(b BLOB)"))
	return s
}

func (s *smallDisk) mustFill(t *testing.T, but int64) {
	t.Helper()
	if err := s.Fill(but); err != nil {
		t.Fatal(err)
	}
}

// big inserts a megabyte.
func big() *sqldb.Op {
	op := run("INSERT INTO blobs VALUES(randomblob(1000000))")
	op.Bytes = 1000000
	return op
}

// wantAnswered compares the database with what was answered.
func (s *smallDisk) wantAnswered(t *testing.T, db *sqldb.DB) {
	t.Helper()
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: "SELECT count(*) FROM blobs"})
	if err != nil {
		t.Fatal(err)
	}
	if got := rows[0].Integer(0); got != s.blobs {
		t.Errorf("%d megabytes are there, %d were answered", got, s.blobs)
	}
	wantValue(t, db, "n", s.counts)
}

// count adds one, if there is room.
func (s *smallDisk) count(t *testing.T) {
	t.Helper()
	_, err := s.db.Do(timeout(t), add("n", nil))
	if err == nil {
		s.counts++
	} else {
		wantErr(t, answer{err: err}, sqldb.ErrStorageFull)
	}
}

func TestWhatFindsNoRoomIsRefusedAtOnceAndNothingOfItAppears(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, s *smallDisk) {
		s.count(t)
		s.mustFill(t, 0)
		quickest := time.Hour // a machine may stand still meanwhile, but not each time
		for range 5 {
			begun := time.Now()
			_, err := s.db.Do(timeout(t), big())
			wantErr(t, answer{err: err}, sqldb.ErrStorageFull)
			quickest = min(quickest, time.Since(begun))
			s.count(t)
		}
		if quickest > 10*time.Second {
			t.Errorf("it took %v at least to find no room", quickest)
		}
		s.wantAnswered(t, s.db)
		if logs := s.logs.String(); strings.Contains(logs, "cannot be reached") || !strings.Contains(logs, "disk of the database is full") {
			t.Errorf("the log says\n%s\nwant that the disk is full, and not that the primary cannot be reached", logs)
		}
		if err := s.Free(); err != nil {
			t.Fatal(err)
		}
		mustDo(t, s.db, big())
		s.blobs++
		s.count(t)
		s.wantAnswered(t, s.db)
	})
}

func TestWhatIsSmallFindsTheRoomThatIsLeft(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, s *smallDisk) {
		s.mustFill(t, 600<<10)
		release := blockCommitter(t, s.db)
		var large, small []<-chan answer
		for i := range 8 {
			large = append(large, start(timeout(t), s.db, big()))
			waitPending(t, s.db, 2*i+1)
			small = append(small, start(timeout(t), s.db, add(fmt.Sprint(i), nil)))
			waitPending(t, s.db, 2*i+2)
		}
		release()
		for _, answers := range large {
			wantErr(t, receive(t, answers), sqldb.ErrStorageFull)
		}
		for _, answers := range small {
			wantErr(t, receive(t, answers), nil)
		}
		s.wantAnswered(t, s.db)
	})
}

func TestAnEmbeddedDatabaseTakesWritesAgainAlthoughNobodyWrites(t *testing.T) {
	t.Parallel()
	disk := nodetest.MustMountDisk(t, 8<<20)
	s := newSmallDisk(t, disk, "file:"+filepath.Join(disk.Dir(), "keyval.db"))
	if err := s.db.Writable(t.Context()); err != nil {
		t.Errorf("at first it is %v", err)
	}
	s.mustFill(t, 0)
	_, err := s.db.Do(timeout(t), big())
	wantErr(t, answer{err: err}, sqldb.ErrStorageFull)
	s.count(t)
	wantErr(t, answer{err: s.db.Writable(t.Context())}, sqldb.ErrStorageFull)
	if err := s.db.Ping(t.Context()); err != nil {
		t.Errorf("it cannot be read: %v", err)
	}
	if err := s.Free(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "it takes writes", func() bool { return s.db.Writable(t.Context()) == nil })
	await.That(t, "the log says so", func() bool { return strings.Contains(s.logs.String(), "takes writes again") })
}

// mustBreak puts a fault into a statement of the committer.
func mustBreak(t *testing.T, db *sqldb.DB, statement string) (fault *sqldb.Fault) {
	t.Helper()
	_, err := db.Do(timeout(t), &sqldb.Op{Name: "break", Apply: func(*sqldb.Tx) error {
		var sound *sql.DB
		fault, sound = sqldb.Break(db, statement)
		t.Cleanup(func() { _ = errors.Join(db.Close(), sound.Close()) })
		return errBlock
	}})
	wantErr(t, answer{err: err}, errBlock)
	mustDo(t, db, run(createCells)) // connects, which takes room
	return fault
}

// mustFailToRead is a true I/O error.
func mustFailToRead(t *testing.T) error {
	t.Helper()
	url := embeddedURL(t)
	db := openRaw(t, url)
	mustExec(t, db, "PRAGMA journal_mode=WAL", "CREATE TABLE blobs(b BLOB)", "INSERT INTO blobs VALUES(randomblob(1000000))")
	if err := os.Truncate(strings.TrimPrefix(url, "file:")+"-wal", 0); err != nil {
		t.Fatal(err)
	}
	_, err := openRaw(t, url).ExecContext(t.Context(), "SELECT hex(b) FROM blobs") // has read nothing yet
	if err == nil || !strings.Contains(err.Error(), "disk I/O error") {
		t.Fatalf("got %v, want an I/O error", err)
	}
	return err
}

// Some file systems find that out only when a file is written to the disk.
func TestADiskThatIsFoundFullOnlyByCommitIsFullAllTheSame(t *testing.T) {
	t.Parallel()
	disk := nodetest.MustMountDisk(t, 8<<20)
	s := newSmallDisk(t, disk, "file:"+filepath.Join(disk.Dir(), "keyval.db"))
	s.count(t)
	fault := mustBreak(t, s.db, "COMMIT")
	s.mustFill(t, 0)
	fault.Set(mustFailToRead(t))
	written := start(context.WithoutCancel(t.Context()), s.db, add("n", nil))
	await.That(t, "it takes no writes", func() bool { return errors.Is(s.db.Writable(t.Context()), sqldb.ErrStorageFull) })
	for range 3 {
		_, err := s.db.Do(timeout(t), add("n", nil))
		wantErr(t, answer{err: err}, sqldb.ErrStorageFull)
	}
	fault.Set(nil)
	if err := s.Free(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, receive(t, written), nil) // its outcome is found out
	s.counts++
	await.That(t, "it takes writes", func() bool { return s.db.Writable(t.Context()) == nil })
	s.count(t)
	s.wantAnswered(t, s.db)
	if logs := s.logs.String(); strings.Contains(logs, "cannot be reached") || strings.Count(logs, "disk of the database is full") != 1 {
		t.Errorf("the log says\n%s\nwant once that the disk is full, and not that the primary cannot be reached", logs)
	}
}

func TestAnEmbeddedDatabaseWhoseDiskFailsIsNotReadyUntilItWorksAlthoughNobodyWrites(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{"BEGIN IMMEDIATE", "COMMIT"} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			db := open(t, sqldb.Config{PrimaryURL: embeddedURL(t)})
			fault := mustBreak(t, db, statement)
			fault.Set(mustFailToRead(t))
			written := start(timeout(t), db, add("n", nil))
			await.That(t, "it is not ready", func() bool { return errors.Is(db.Writable(t.Context()), sqldb.ErrUnavailable) })
			fault.Set(nil)
			await.That(t, "it is ready", func() bool { return db.Writable(t.Context()) == nil })
			want, n := sqldb.ErrUnavailable, int64(0)
			if statement == "COMMIT" { // its outcome is found out
				want, n = nil, 1
			}
			wantErr(t, receive(t, written), want)
			wantValue(t, db, "n", n)
		})
	}
}

// A crash is what the files are at the moment.
func TestWhatWasRefusedForLackOfRoomDoesNotAppearAfterACrash(t *testing.T) {
	t.Parallel()
	disk := nodetest.MustMountDisk(t, 8<<20)
	s := newSmallDisk(t, disk, "file:"+filepath.Join(disk.Dir(), "keyval.db"))
	s.count(t)
	refused := 0
	for _, but := range []int64{600 << 10, 400 << 10, 200 << 10, 100 << 10, 8 << 10, 0} {
		s.mustFill(t, but)
		if _, err := s.db.Do(timeout(t), big()); err != nil {
			wantErr(t, answer{err: err}, sqldb.ErrStorageFull)
			refused++
		} else {
			s.blobs++ // in the room that the log already had
		}
		s.count(t)
		crashed := t.TempDir()
		for _, name := range []string{"keyval.db", "keyval.db-wal"} {
			mustCopy(t, filepath.Join(disk.Dir(), name), filepath.Join(crashed, name))
		}
		after, err := sqldb.Open(timeout(t), sqldb.Config{PrimaryURL: "file:" + filepath.Join(crashed, "keyval.db")})
		if err != nil {
			t.Fatal(err)
		}
		s.wantAnswered(t, after)
		if err := errors.Join(after.Close(), s.Free()); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 3 {
		t.Errorf("only %d found no room", refused)
	}
}

func mustCopy(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
