package nodetest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/tursodatabase/libsql-client-go/libsql"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// openDB opens a database through the official driver for one test.
func openDB(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("libsql", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// mustExec runs one statement that has to succeed.
func mustExec(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// count returns the number of rows of table t, or -1 and the error.
func count(ctx context.Context, db *sql.DB) (int, error) {
	n := -1
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM t").Scan(&n)
	return n, err
}

// mustCount waits until table t has want rows.
func mustCount(t *testing.T, db *sql.DB, want int) {
	t.Helper()
	var got int
	var err error
	await.That(t, fmt.Sprintf("the table has %d rows", want), func() bool {
		got, err = count(t.Context(), db)
		return err == nil && got == want
	}, func() string { return fmt.Sprintf("it has %d, error %v", got, err) })
}

func TestAReplicaShowsWhatThePrimaryCommitted(t *testing.T) {
	t.Parallel()
	pair := nodetest.MustStartSqldPair(t)
	primary := openDB(t, pair.Primary.HTTPURL())
	mustExec(t, primary, "CREATE TABLE t(a)")
	mustExec(t, primary, "INSERT INTO t VALUES (1), (2)")

	for name, url := range map[string]string{
		"primary over ws":   pair.Primary.WSURL(),
		"replica over http": pair.Replica.HTTPURL(),
		"replica over ws":   pair.Replica.WSURL(),
	} {
		t.Run(name, func(t *testing.T) { mustCount(t, openDB(t, url), 2) })
	}
}

func TestAKilledPrimaryComesBackAtItsAddressWithItsData(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	db := openDB(t, primary.HTTPURL())
	mustExec(t, db, "CREATE TABLE t(a)")
	mustExec(t, db, "INSERT INTO t VALUES (1)")
	address, pid := primary.Addr(), primary.Process().PID()

	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Query(t.Context(), "SELECT 1"); err == nil {
		t.Fatal("a killed server answered")
	}
	if err := primary.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := primary.Addr(); got != address {
		t.Errorf("address after the restart: got %s, want %s", got, address)
	}
	if got := primary.Process().PID(); got == pid {
		t.Errorf("the process id is still %d", got)
	}
	mustCount(t, db, 1)
}

func TestAReplicaFollowsAgainAfterThePrimaryWasRestarted(t *testing.T) {
	t.Parallel()
	// A replica that asks while the primary has a port but no database yet takes that for
	// deleted from then on, as it does when it asks while one stops for SIGTERM.
	for range 5 {
		if followsAgain(t) {
			return
		}
	}
	t.Error("no replica has followed a primary that was restarted")
}

func followsAgain(t *testing.T) bool {
	t.Helper()
	pair := nodetest.MustStartSqldPair(t)
	primary, replica := openDB(t, pair.Primary.HTTPURL()), openDB(t, pair.Replica.HTTPURL())
	mustExec(t, primary, "CREATE TABLE t(a)")
	mustCount(t, replica, 0)
	if err := errors.Join(pair.Primary.Kill(), pair.Primary.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	mustExec(t, primary, "INSERT INTO t VALUES (1)")
	follows, lost := false, false
	await.That(t, "the replica follows or has taken its database for deleted", func() bool {
		got, err := count(t.Context(), replica)
		follows = err == nil && got == 1
		lost = err != nil && strings.Contains(err.Error(), "doesn't exist")
		return follows || lost
	})
	return follows
}

func TestAPausedServerAnswersOnlyAfterItIsResumed(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	if err := primary.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := primary.Query(ctx, "SELECT 1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("query to a paused server: got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := primary.Resume(); err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Query(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

func TestAPausedServerCanBeClosedTwice(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	if err := primary.Pause(); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := primary.Close(); err != nil {
			t.Errorf("close %d: %v", i+1, err)
		}
	}
	if err := primary.Pause(); !errors.Is(err, nodetest.ErrProcessNotRunning) {
		t.Errorf("pause after close: got %v, want %v", err, nodetest.ErrProcessNotRunning)
	}
}

func TestAServerThatCannotStartReturnsItsLog(t *testing.T) {
	t.Parallel()
	notADirectory := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADirectory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := nodetest.StartPrimary(t.Context(), notADirectory)
	if err == nil {
		_ = server.Close()
		t.Fatal("it started with a file for a directory")
	}
	nodetest.SkipIfMissing(t, err)
	if !strings.Contains(err.Error(), "ended before it was ready") || !strings.Contains(err.Error(), "(os error ") {
		t.Errorf("the error does not carry the reason and the log: %v", err)
	}
}

func TestAStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	primary := nodetest.MustStartPrimary(t)
	if err := primary.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	// A replica cannot become ready while its primary does not answer.
	replica, err := nodetest.StartReplica(ctx, t.TempDir(), primary.GRPCURL())
	if err == nil {
		_ = replica.Close()
		t.Fatal("a replica of a paused primary was ready")
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestAMissingServerSaysHowToGetIt(t *testing.T) {
	t.Setenv("KEYVAL_SQLD", filepath.Join(t.TempDir(), "nothing"))
	_, err := nodetest.StartPrimary(t.Context(), t.TempDir())
	if !errors.Is(err, nodetest.ErrToolMissing) {
		t.Fatalf("got %v, want %v", err, nodetest.ErrToolMissing)
	}

	t.Setenv("KEYVAL_SQLD", "")
	t.Setenv("PATH", "")
	t.Chdir(t.TempDir())
	_, err = nodetest.FindSqld()
	if !errors.Is(err, nodetest.ErrToolMissing) || !strings.Contains(err.Error(), "make tools") {
		t.Fatalf("got %v, want an error that says make tools", err)
	}
}
