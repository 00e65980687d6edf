package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Outcomes that callers act on.
var (
	// ErrOverloaded is returned before anything was done when too many
	// operations, too many bytes of them, or reads of too many keys, are waiting already.
	ErrOverloaded = errors.New("too many requests are waiting")
	// ErrUnavailable is returned when the database cannot be reached or the
	// committer is closed. Nothing was written.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrSilent is returned when the database has not answered in the time that
	// this node gives it, or is known not to answer. Nothing was written. It
	// wraps ErrUnavailable.
	ErrSilent error = &unavailableError{"the database does not answer; send the request again later"}
	// ErrCommitUnknown is returned when an operation was sent and its
	// caller's time was up before the outcome could be learnt.
	ErrCommitUnknown = errors.New("the outcome of the commit is unknown")
	// ErrFenced is returned to an operation of a leader whose epoch is over.
	// Nothing was written.
	ErrFenced = errors.New("a newer leader has taken over")
	// ErrRestored is returned when the database is at an earlier position
	// than one this node has seen. It wraps ErrUnavailable.
	ErrRestored error = &unavailableError{"the database has gone back to an earlier state, as after a restore; run `keyval incarnation raise` once to go on from it"}
	// ErrNextGroup is returned by Apply when it needs something that is known
	// only once the operations before it have committed: the operation is
	// put off to the next group. The first of a group must not return it.
	ErrNextGroup = errors.New("the operation waits for the next group")
	// ErrForeignDatabase is returned by Open when the database holds the
	// original server's data, which is encoded differently.
	ErrForeignDatabase = errors.New("the database holds the tables of the original server, whose keys and times are encoded differently; use an empty database")
	// ErrNewerSchema is returned by Open when a newer version of keyval has
	// migrated the database.
	ErrNewerSchema = errors.New("the database was migrated by a newer version of keyval")
	// ErrNoSchema is returned by Open with Config.MustExist where there is no
	// database, or one without our tables.
	ErrNoSchema = errors.New("there is no keyval database")
	// ErrBadURL is returned by Open for a URL that cannot be used.
	ErrBadURL = errors.New("the URL cannot be used")
	// ErrTooLarge is returned when a statement, a value or an answer passes a
	// limit of the database and cannot be split. Nothing was written.
	ErrTooLarge = errors.New("too large for the database")
	// ErrStorageFull is returned when the database's disk is full. Nothing was
	// written; something smaller may be.
	ErrStorageFull = errors.New("the disk of the database is full; make room on it, writes then go on by themselves")
	// ErrReadOnly is returned when the database may only be read. Nothing was
	// written. It wraps ErrUnavailable.
	ErrReadOnly error = &unavailableError{"the database may only be read; make its file and its folder writable"}
	// ErrMoved is returned when the file of an embedded database is not
	// where it was opened, or another one is there. Nothing was written. It
	// wraps ErrUnavailable.
	ErrMoved error = &unavailableError{"the file of the database was moved or replaced while it was open; put it back, or stop keyval before you replace it"}
	// ErrCorrupt is returned when the database's file is damaged. Nothing was
	// written. It wraps ErrUnavailable.
	ErrCorrupt error = &unavailableError{"the database is corrupt; stop keyval and restore the database from a backup"}
)

// An unavailableError is ErrUnavailable with a reason.
type unavailableError struct{ reason string }

func (e *unavailableError) Error() string { return e.reason }
func (*unavailableError) Unwrap() error   { return ErrUnavailable }

// Reason is why the database is unavailable, in a sentence for everybody to read; ok
// tells whether err has one. What else err says is the driver's, or of this machine.
func Reason(err error) (reason string, ok bool) {
	e, ok := errors.AsType[*unavailableError](err)
	if !ok {
		return "", false
	}
	return e.reason, true
}

// failure is what an error of the database that is no outcome of its own means to a
// caller: nothing was written.
func failure(err error) error {
	switch verdictOf(err) {
	case refusal:
		return err
	case oversize:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case noRoom:
		return fmt.Errorf("%w: %w", ErrStorageFull, err)
	case readOnly:
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case corrupt:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	default:
		return unavailable(err)
	}
}

// unavailable is err, or ErrUnavailable around it. A deadline in it was one of ours, or
// the network's: it would be taken for the caller's.
func unavailable(err error) error {
	switch {
	case errors.Is(err, ErrUnavailable):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %s", ErrUnavailable, err.Error())
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Reasons of the guard: a row inserted into keyval_guard violates the CHECK
// of this name, which fails its transaction. See migrations/0001.
const (
	guardStale    = "stale_read"
	guardGroup    = "lost_group"
	guardFenced   = "fenced"
	guardRestored = "restored"
)

// StaleSQL begins a statement that fails the transaction when the SELECT that
// it is completed to finds a row: something is not as an operation read it.
const StaleSQL = "INSERT INTO keyval_guard(reason) SELECT '" + guardStale + "' "

// guardReason tells which guard made a transaction fail, or "".
func guardReason(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if !strings.Contains(text, "CHECK constraint failed: ") {
		return ""
	}
	for _, reason := range []string{guardStale, guardGroup, guardFenced, guardRestored} {
		if strings.Contains(text, "CHECK constraint failed: "+reason) {
			return reason
		}
	}
	return ""
}
