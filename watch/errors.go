package watch

import (
	"errors"
	"fmt"

	"github.com/buntime/keyval/kv"
)

// ErrClosed is returned by a stream that ends because its hub is closed.
var ErrClosed = errors.New("the watch has been closed")

// A LostError says that a position is older than the change log, or that it
// belongs to another incarnation of the database. It wraps kv.ErrPositionLost.
type LostError struct {
	// Oldest is the oldest position that a stream can be resumed from.
	Oldest kv.Versionstamp
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the change log does not reach back to this position; the oldest is %s; start without a position", e.Oldest)
}

func (e *LostError) Unwrap() error { return kv.ErrPositionLost }

// OldestPosition is e.Oldest.
func (e *LostError) OldestPosition() kv.Versionstamp { return e.Oldest }
