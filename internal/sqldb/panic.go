package sqldb

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// A panicError is what a function of a caller's has panicked with, on a goroutine that
// others depend on. It wraps nothing, whatever the value is: to everybody else it is an
// internal error.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func isPanic(err error) bool {
	_, ok := errors.AsType[*panicError](err)
	return ok
}

// contain turns a panic of the function that defers it into its error.
func contain(err *error) {
	if p := recover(); p != nil {
		*err = &panicError{p, debug.Stack()}
	}
}

// tellOfPanic tells whether an operation has failed by a panic, and counts and logs it:
// whoever fails the operation calls this, once.
func (db *DB) tellOfPanic(op string, err error) bool {
	p, ok := errors.AsType[*panicError](err)
	if ok {
		db.metrics.panics.Inc()
		db.log.Error("an operation panicked and fails; its neighbours do not", "op", op, "panic", p.value, "stack", string(p.stack))
	}
	return ok
}
