package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// maxErrorBytes bounds what is read of an error answer.
const maxErrorBytes = 64 << 10

var (
	// ErrAnswerLost is in the error of a Dequeue that a node may have carried out.
	ErrAnswerLost = errors.New("the answer was lost: messages that it had stay locked until their locks expire")
	// ErrPositionAhead is in the error of a read, transaction or watch whose position is
	// newer than the database: that was restored from a backup, or replaced, and what
	// the position stands for is gone. Client.ResetSession starts over.
	ErrPositionAhead = errors.New("the session has seen a newer state than the database has, which was restored or replaced; ResetSession starts over")
)

// foreignError is an error status that no node has sent: a proxy, or a server
// that is not keyval.
type foreignError struct {
	status     int
	retryAfter time.Duration
}

func (e *foreignError) Error() string {
	return fmt.Sprintf("%d %s, not from a keyval node", e.status, http.StatusText(e.status))
}

// malformedError is an answer or a request that is not what the contract says.
// Sending it again would not help.
type malformedError struct{ err error }

func (e *malformedError) Error() string { return "malformed: " + e.err.Error() }
func (e *malformedError) Unwrap() error { return e.err }

// readError makes an error of an answer that is none of success.
func readError(resp *http.Response) error {
	retryAfter := parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	raw, err := readBody(resp, maxErrorBytes)
	var body api.ErrorBody
	if err != nil || json.Unmarshal(raw, &body) != nil || body.Code == "" {
		return &foreignError{status: resp.StatusCode, retryAfter: retryAfter}
	}
	answer := &api.Error{
		Code:       body.Code,
		Message:    body.Message,
		Reason:     body.Reason,
		RequestID:  resp.Header.Get(api.HeaderRequestID),
		Status:     resp.StatusCode,
		RetryAfter: retryAfter,
		Oldest:     body.Oldest,

		DeletedCount: body.DeletedCount,
	}
	if answer.Reason == api.PositionAhead {
		return fmt.Errorf("%w: %w", ErrPositionAhead, answer)
	}
	return answer
}

// retryAfterOf is the time that an answer asked to be left alone, 0 for none.
func retryAfterOf(err error) time.Duration {
	var answer *api.Error
	var foreign *foreignError
	switch {
	case errors.As(err, &answer):
		return answer.RetryAfter
	case errors.As(err, &foreign):
		return foreign.retryAfter
	}
	return 0
}
