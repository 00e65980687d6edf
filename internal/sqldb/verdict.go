package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// A verdict says what an error means for the statements that it was the answer to:
// whether they have been carried out, and what to do about it. It does not say that
// they never will be: a batch that travelled may have arrived twice (see recover).
type verdict int

const (
	// outcomeUnknown: they may have been carried out, or may still be.
	outcomeUnknown verdict = iota
	// repeatable: not done, and the same may succeed at once. Others were in the way.
	repeatable
	// outage: not done. The database is not there, does not let us in or cannot use
	// its disk; at once, nothing else will succeed either.
	outage
	// refusal: not done, and the same never will be. Statement or data are to blame.
	refusal
	// oversize is a refusal for the size of a statement, a value or an answer.
	oversize
	// noRoom: not done, because the disk is full. Something smaller may succeed.
	noRoom
	// readOnly: not done, because the database may only be read.
	readOnly
	// corrupt: not done, because the database's file is damaged.
	corrupt
)

// resultCodes has SQLite's primary result codes with the texts by which a server
// names them: the driver passes on nothing else of its errors. Extended codes mean
// what their primary code means, but for extendedCodes.
//
// https://sqlite.org/rescode.html
var resultCodes = []struct {
	code    int
	text    string // of sqlite3_errstr; a server's message begins with it
	verdict verdict
}{
	{codes.SQLITE_INTERNAL, "unknown error", refusal},
	{codes.SQLITE_PERM, "access permission denied", outage},
	{codes.SQLITE_ABORT, "query aborted", repeatable},
	{codes.SQLITE_ABORT, "abort due to ROLLBACK", repeatable},
	{codes.SQLITE_BUSY, "database is locked", repeatable},
	{codes.SQLITE_LOCKED, "database table is locked", repeatable},
	{codes.SQLITE_NOMEM, "out of memory", outage},
	{codes.SQLITE_READONLY, "attempt to write a readonly database", readOnly},
	{codes.SQLITE_INTERRUPT, "interrupted", repeatable},
	// A COMMIT whose fsync has failed may be found when the log is read after a crash.
	{codes.SQLITE_IOERR, "disk I/O error", outcomeUnknown},
	{codes.SQLITE_CORRUPT, "database disk image is malformed", corrupt},
	{codes.SQLITE_NOTFOUND, "unknown operation", refusal},
	{codes.SQLITE_FULL, "database or disk is full", noRoom},
	{codes.SQLITE_CANTOPEN, "unable to open database file", outage},
	{codes.SQLITE_PROTOCOL, "locking protocol", repeatable},
	{codes.SQLITE_EMPTY, "table contains no data", refusal},
	{codes.SQLITE_SCHEMA, "database schema has changed", repeatable},
	{codes.SQLITE_TOOBIG, "string or blob too big", oversize},
	{codes.SQLITE_CONSTRAINT, "constraint failed", refusal},
	{codes.SQLITE_MISMATCH, "datatype mismatch", refusal},
	{codes.SQLITE_MISUSE, "bad parameter or other API misuse", refusal},
	{codes.SQLITE_NOLFS, "large file support is disabled", noRoom},
	{codes.SQLITE_AUTH, "authorization denied", refusal},
	{codes.SQLITE_FORMAT, "auxiliary database format error", refusal},
	{codes.SQLITE_RANGE, "column index out of range", refusal},
	{codes.SQLITE_NOTADB, "file is not a database", corrupt},
	{codes.SQLITE_NOTICE, "notification message", refusal},
	{codes.SQLITE_WARNING, "warning message", refusal},
	// The last one: its messages are about the statement, and begin with anything.
	{codes.SQLITE_ERROR, "", refusal},
}

// extendedCodes are those that mean something else than their primary code.
var extendedCodes = map[int]verdict{
	codes.SQLITE_ERROR_RETRY:     repeatable,
	codes.SQLITE_ERROR_SNAPSHOT:  repeatable,
	codes.SQLITE_CORRUPT_VTAB:    repeatable,
	codes.SQLITE_IOERR_CORRUPTFS: corrupt,
	codes.SQLITE_IOERR_DATA:      corrupt, // a checksum is wrong
	codes.SQLITE_IOERR_SHMSIZE:   noRoom,  // for the log's index
}

// serverMessages are what sqld says of a statement beside SQLite's own errors. What
// ends with a colon or a space goes on.
var serverMessages = []struct {
	text    string
	verdict verdict
}{
	{"Transaction timed out", repeatable},                        // another has stolen its lock
	{"Transaction timed-out", repeatable},                        // likewise
	{"Server cannot handle additional transactions", repeatable}, // the lock was not to be had
	{"Server can't handle additional transactions", repeatable},
	{"Response is too large", oversize},
	{"Operation was blocked", outage},
	{"SQL string could not be parsed", refusal},
	{"SQL string does not contain any statement", refusal},
	{"SQL string contains more than one statement", refusal},
	{"SQL input error", refusal},
	{"Arguments do not match SQL parameters", refusal},
	{"Specifying both positional and named arguments is not supported", refusal},
}

// httpStatuses are those of an answer that is no result. Others below 500 say that
// the server does not let us in; from there on, whoever answers may have passed the
// request on.
var httpStatuses = map[int]verdict{
	400: repeatable, // the stream has expired, or was lost in a restart
	408: repeatable,
	413: oversize,
	429: repeatable,
}

// verdictOf looks an error of a database up. Embedded, only COMMIT can have an
// unknown outcome: see notCommittedError.
func verdictOf(err error) verdict {
	if e, ok := errors.AsType[*readError](err); ok {
		if v := verdictOf(e.error); v != noRoom {
			return v
		}
		return outage
	}
	if e, ok := errors.AsType[*notCommittedError](err); ok {
		if v := verdictOf(e.error); v != outcomeUnknown {
			return v
		}
		return outage
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return verdictOfCode(e.Code())
	}
	if errors.Is(err, errLargeRead) {
		return oversize
	}
	if v, ok := serverVerdict(err.Error()); ok {
		return v
	}
	return transportVerdict(err)
}

func verdictOfCode(code int) verdict {
	if v, ok := extendedCodes[code]; ok {
		return v
	}
	for _, row := range resultCodes {
		if row.code == code&0xff {
			return row.verdict
		}
	}
	return outcomeUnknown
}

// serverVerdict looks a server's message up. The driver puts its own words, and the
// statement, in front of it. ok tells whether there is one: then the connection is
// still good.
func serverVerdict(text string) (_ verdict, ok bool) {
	if _, message, found := strings.Cut(text, "SQLite error: "); found {
		return verdictOfMessage(message), true
	}
	for _, row := range serverMessages {
		if strings.Contains(text, row.text) {
			return row.verdict, true
		}
	}
	return 0, false
}

func verdictOfMessage(message string) verdict {
	// sqld writes its log of frames first, and says only this when there is no room
	// for it: nothing has been done then.
	if strings.HasPrefix(message, "disk I/O error") {
		return noRoom
	}
	// Where there is no text, the server shows the extended code.
	if rest, ok := strings.CutPrefix(message, "Error code "); ok {
		number, _, _ := strings.Cut(rest, ":")
		if code, err := strconv.Atoi(number); err == nil {
			return verdictOfCode(code)
		}
	}
	for _, row := range resultCodes {
		if strings.HasPrefix(message, row.text) {
			return row.verdict
		}
	}
	return outcomeUnknown
}

// transportVerdict is for errors of the way to a server.
func transportVerdict(err error) verdict {
	text := err.Error()
	switch {
	case errors.Is(err, errLostTransaction), errors.Is(err, driver.ErrBadConn):
		return repeatable // nothing was sent; what travels by WebSocket changes nothing
	case neverSent(err):
		return outage
	case strings.Contains(text, "no results for statement"):
		return repeatable // an earlier step of the batch has failed: BEGIN found it busy
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return outcomeUnknown
	}
	if status, ok := httpStatus(text); ok {
		if v, known := httpStatuses[status]; known {
			return v
		}
		if status < 500 {
			return outage
		}
	}
	return outcomeUnknown
}

// httpStatus finds the status that the driver puts into its text.
func httpStatus(text string) (int, bool) {
	_, rest, found := strings.Cut(text, "error code ")
	number, _, ended := strings.Cut(rest, ":")
	status, err := strconv.Atoi(number)
	return status, found && ended && err == nil
}

// RefusesToken tells whether the server did not accept the token, or wants one.
func RefusesToken(err error) bool {
	if err == nil {
		return false
	}
	status, ok := httpStatus(err.Error())
	return ok && (status == http.StatusUnauthorized || status == http.StatusForbidden)
}

// neverSent tells whether an error means that the request cannot have reached
// the database.
func neverSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errUnsent)
}

// cutOff tells whether the connection broke while an answer was awaited. What was only
// being read, in a transaction that has written nothing, may be read anew.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// answered tells whether the database itself has answered with the error, so that
// the connection is still good.
func answered(err error) bool {
	if _, ok := errors.AsType[*sqlite.Error](err); ok || errors.Is(err, errLargeRead) {
		return true
	}
	_, ok := serverVerdict(err.Error())
	return ok
}

// A notCommittedError is the error of an embedded statement before COMMIT: whatever
// it says, nothing has been done.
type notCommittedError struct{ error }

func (e *notCommittedError) Unwrap() error { return e.error }

// A readError is the error of a statement that only reads: it takes no room, so that what
// looks like a full disk is one that does not work.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

func neverCommitted(err error) bool {
	_, ok := errors.AsType[*notCommittedError](err)
	return ok
}
