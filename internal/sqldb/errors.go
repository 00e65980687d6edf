package sqldb

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// Outcomes that callers act on.
var (
	// ErrOverloaded is returned before anything was done when too many
	// operations, or too many bytes of them, are waiting already.
	ErrOverloaded = errors.New("too many writes are waiting")
	// ErrUnavailable is returned when the database cannot be reached or the
	// committer is closed. Nothing was written.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrCommitUnknown is returned when an operation was sent and its
	// caller's time was up before the outcome could be learnt.
	ErrCommitUnknown = errors.New("the outcome of the commit is unknown")
	// ErrFenced is returned to an operation of a leader whose epoch is over.
	// Nothing was written.
	ErrFenced = errors.New("a newer leader has taken over")
	// ErrRestored is returned when the database is at an earlier position
	// than one this node has seen. It wraps ErrUnavailable.
	ErrRestored = &restoredError{}
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
	// ErrTooLarge is returned when one answer of the database would pass its
	// limit and cannot be split.
	ErrTooLarge = errors.New("the answer is too large for the database")
)

type restoredError struct{}

func (*restoredError) Error() string {
	return "the database has gone back to an earlier state, as after a restore; run `keyval incarnation raise` once to go on from it"
}

func (*restoredError) Unwrap() error { return ErrUnavailable }

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

// neverSent tells whether an error means that the request cannot have reached
// the database.
func neverSent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// tooLarge tells whether the database refused to send an answer for its size.
func tooLarge(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "RESPONSE_TOO_LARGE") || strings.Contains(err.Error(), "Response is too large"))
}
