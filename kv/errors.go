package kv

import (
	"errors"
	"fmt"

	"github.com/buntime/keyval/kv/filter"
)

// The outcomes that a caller acts on. Every error of this package that a request
// can cause wraps exactly one of them with a sentence for a person; compare with
// errors.Is. The HTTP layer has one code and status for each.
var (
	// ErrInvalidKey is returned for a key that breaks a rule of the key model:
	// number, type or size of its parts, a number that a double cannot hold, or
	// a URL form that does not decode.
	ErrInvalidKey = errors.New("invalid key")

	// ErrInvalidValue is returned for well-formed JSON that the operation cannot
	// take, such as a sum whose operand is no integer.
	ErrInvalidValue = errors.New("invalid value")

	// ErrInvalidArgument is returned for a parameter out of its range, or for
	// parameters that contradict each other, such as a start after its end.
	ErrInvalidArgument = errors.New("invalid argument")

	// ErrPositionAhead is returned for a position that is newer than the database: it is
	// of another one, or from before a restore. It wraps ErrInvalidArgument.
	ErrPositionAhead = fmt.Errorf("%w: the position is newer than the database", ErrInvalidArgument)

	// ErrInvalidJSON is returned for bytes that are not one JSON text in UTF-8,
	// or that nest deeper than MaxDepth.
	ErrInvalidJSON = errors.New("invalid JSON")

	// ErrInvalidCursor is returned for a cursor that is damaged or that belongs
	// to a list with another prefix, bounds, direction or filter.
	ErrInvalidCursor = errors.New("invalid cursor")

	// ErrInvalidFilter is returned for a filter with an unknown operator or with
	// an operand that its operator does not take.
	ErrInvalidFilter = filter.ErrInvalid

	// ErrTypeMismatch is returned when a mutation meets a stored value of another
	// type: sum, min and max need an integer, append and prepend an array.
	ErrTypeMismatch = errors.New("type mismatch")

	// ErrOutOfRange is returned when an operand, a stored integer or a result is
	// outside ±(2^53−1), or for the bigint form wider than 255 bytes.
	ErrOutOfRange = errors.New("out of range")

	// ErrTooLarge is returned when a value, batch, result or answer is over its
	// limit.
	ErrTooLarge = errors.New("too large")

	// ErrNotFound is returned when the key or index asked for does not exist.
	ErrNotFound = errors.New("not found")

	// ErrPreconditionFailed is returned when If-Match or If-None-Match of a
	// single write did not hold. Nothing was written.
	ErrPreconditionFailed = errors.New("precondition failed")

	// ErrPositionLost is returned when a position is older than the change log
	// keeps or belongs to another incarnation of the database.
	ErrPositionLost = errors.New("position lost")

	// ErrTimeout is returned when the operation timeout passed. Nothing was
	// changed, except that a bulk delete says how far it came.
	ErrTimeout = errors.New("timeout")
)
