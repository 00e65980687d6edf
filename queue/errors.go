package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/buntime/keyval/kv"
)

// ErrLockLost is returned by what is done with a receipt that no longer holds
// its message: the lock has ended, the message is gone, or the receipt is
// another message's. Nothing was changed.
var ErrLockLost = errors.New("the receipt does not hold the message any more")

// ErrClosed is returned to who waits for messages when the queue is closed.
var ErrClosed = errors.New("the queue is closed")

// failure says what a database's error means to a caller.
func failure(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return kv.ErrTimeout
	}
	return err
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", kv.ErrInvalidArgument, fmt.Sprintf(format, args...))
}
