package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	codes "modernc.org/sqlite/lib"
)

func TestEveryResultCodeOfSQLiteHasAVerdict(t *testing.T) {
	t.Parallel()
	for code := codes.SQLITE_ERROR; code <= codes.SQLITE_WARNING; code++ {
		known := false
		for _, row := range resultCodes {
			known = known || row.code == code
		}
		if !known {
			t.Errorf("result code %d is not in the table", code)
		}
	}
	for code, want := range map[int]verdict{
		codes.SQLITE_BUSY_SNAPSHOT:         repeatable,
		codes.SQLITE_CONSTRAINT_UNIQUE:     refusal,
		codes.SQLITE_CORRUPT_INDEX:         corrupt,
		codes.SQLITE_ERROR_RETRY:           repeatable,
		codes.SQLITE_ERROR_SNAPSHOT:        repeatable,
		codes.SQLITE_ERROR_MISSING_COLLSEQ: refusal,
		codes.SQLITE_IOERR_FSYNC:           outcomeUnknown,
		codes.SQLITE_IOERR_CORRUPTFS:       corrupt,
		codes.SQLITE_READONLY_DBMOVED:      readOnly,
		codes.SQLITE_CANTOPEN_ISDIR:        outage,
		99:                                 outcomeUnknown, // of a later version
	} {
		if got := verdictOfCode(code); got != want {
			t.Errorf("result code %d has verdict %d, want %d", code, got, want)
		}
	}
}

// The texts are those of sqld 0.24 behind the driver, over HTTP and WebSockets.
func TestWhatAServerSaysHasAVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		want     verdict
		answered bool
	}{
		{"SQLite error: database is locked", repeatable, true},
		{"failed to execute SQL:\nSQLite error: database is locked", repeatable, true},
		{"failed to execute statement\nSQLite error: database or disk is full", noRoom, true},
		{"SQLite error: disk I/O error", noRoom, true},
		{"SQLite error: database disk image is malformed", corrupt, true},
		{"SQLite error: file is not a database", corrupt, true},
		{"SQLite error: attempt to write a readonly database", readOnly, true},
		{"SQLite error: string or blob too big", oversize, true},
		{"SQLite error: interrupted", repeatable, true},
		{"SQLite error: CHECK constraint failed: stale_read", refusal, true},
		{"SQLite error: no such table: t", refusal, true},
		{"SQLite error: cannot rollback - no transaction is active", refusal, true},
		{"SQLite error: Error code 517: Cannot promote read transaction to write transaction", repeatable, true},
		{"SQLite error: Error code 13: Insertion failed because database is full", noRoom, true},
		{`SQLite error: fts5: syntax error near "SQLite error: database is locked"`, refusal, true},
		{"unable to execute SELECT 1: SQLite error: database is locked", repeatable, true},
		{"unable to execute SELECT 1: Response is too large", oversize, true},
		{"failed to execute SQL:\nTransaction timed out", repeatable, true},
		{"failed to execute SQL:\nTransaction timed-out", repeatable, true},
		{"Server cannot handle additional transactions", repeatable, true},
		{"Operation was blocked: SQL write operations are forbidden", outage, true},
		{"SQL input error: near \"SELEC\": syntax error (at offset 0)", refusal, true},
		{"Arguments do not match SQL parameters: value for parameter 2 not found", refusal, true},
		{"no results for statement", repeatable, false},
		{"failed to execute SQL:\nerror code 400: ", repeatable, false}, // an expired stream
		{"failed to execute SQL:\nerror code 401: Unauthorized: `Authentication failed`", outage, false},
		{"failed to execute SQL:\nerror code 403: ", outage, false},
		{"failed to execute SQL:\nerror code 404: no such page", outage, false},
		{"failed to execute SQL:\nerror code 408: ", repeatable, false},
		{"failed to execute SQL:\nerror code 413: length limit exceeded", oversize, false},
		{"failed to execute SQL:\nerror code 429: Too many concurrent requests", repeatable, false},
		{"failed to execute SQL:\nerror code 500: Internal Error: `oops`", outcomeUnknown, false},
		{"failed to execute SQL:\nerror code 502: bad gateway", outcomeUnknown, false},
		{"unexpected end of JSON input", outcomeUnknown, false},
		{"the database driver panicked: interface conversion", outcomeUnknown, false},
		{"3 statements had 2 results", outcomeUnknown, false},
	} {
		err := fmt.Errorf("primary: %w", errors.New(c.text))
		if got := verdictOf(err); got != c.want {
			t.Errorf("%q has verdict %d, want %d", c.text, got, c.want)
		}
		if got := answered(err); got != c.answered {
			t.Errorf("%q: the connection is good: %v, want %v", c.text, got, c.answered)
		}
	}
}

func TestWhatHappensOnTheWayToAServerHasAVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want verdict
	}{
		{&net.OpError{Op: "dial", Err: errors.New("no route to host")}, outage},
		{syscall.ECONNREFUSED, outage},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, outcomeUnknown},
		{context.DeadlineExceeded, outcomeUnknown},
		{context.Canceled, outcomeUnknown},
		{errLostTransaction, repeatable},
		{driver.ErrBadConn, repeatable},
	} {
		if got := verdictOf(fmt.Errorf("commit: %w", c.err)); got != c.want {
			t.Errorf("%v has verdict %d, want %d", c.err, got, c.want)
		}
	}
}
