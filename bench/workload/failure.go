package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/buntime/keyval/bench/conn"
	"github.com/buntime/keyval/httpapi/api"
)

// failure is an operation that came to nothing although there was an answer.
type failure string

// Error is the failure's name.
func (f failure) Error() string { return string(f) }

const (
	// errConflict is a check that did not hold, which is what contention comes to.
	errConflict failure = "conflict"
	// errEmpty is an answer without anything, where there is something to be found.
	errEmpty failure = "empty"
	// errStale is a read that does not have what was written before it.
	errStale failure = "stale"
	// errNoEvent is a commit that a stream does not tell of.
	errNoEvent failure = "timeout"
	// errMalformed is an answer without what the contract says is in it.
	errMalformed failure = "malformed"
)

// Failure names what an operation failed by: the API's error code, "conflict" for a check
// that did not hold, "empty", "stale" or "malformed" for an answer that is not what it must
// be, or "connection", "timeout", "status 502".
func Failure(err error) string {
	if f, ok := errors.AsType[failure](err); ok {
		return string(f)
	}
	if refused, ok := errors.AsType[*api.Error](err); ok {
		return string(refused.Code)
	}
	if timed, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timed.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return "connection"
}

// refusal is the failure that an answer of no success says.
func refusal(answer *conn.Answer) error {
	var body api.ErrorBody
	if json.Unmarshal(answer.Body, &body) == nil && body.Code != "" {
		return failure(body.Code)
	}
	return failure(fmt.Sprintf("status %d", answer.Status))
}
