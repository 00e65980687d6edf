package route

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
)

// An ErrorRow maps an outcome that a caller acts on to its code in the contract; the
// codes have their statuses in package api. What matches no row is a bug: 500
// internal.
type ErrorRow struct {
	Is   error
	Code api.Code
	// Told is what callers are told where the error's own words are not fit for them:
	// they name where the database is, for example. Nil: its own words.
	Told func(error) Sentence
	// Detail adds to the answer what Is knows apart from words. Nil: nothing.
	Detail func(error, *api.ErrorBody)
}

// A Sentence is what a caller is told of an error.
type Sentence struct {
	Reason string
	Advice string // what to do about it; may be missing
}

func (s Sentence) String() string {
	if s.Advice == "" {
		return s.Reason
	}
	return s.Reason + "; " + s.Advice
}

// Know adds rows to the table of errors. The first row that matches counts, so rows
// that others wrap come first. It is for before the first request.
func (f *Frame) Know(rows []ErrorRow) { f.errors = append(f.errors, rows...) }

// A Refusal is an error with its code: the frame's own, and those of routes that
// nobody else has to recognise.
type Refusal struct {
	Code api.Code
	Text string
	// Hidden is what the log is told and the caller is not; nil for nothing.
	Hidden error
	// Deleted is how far an operation came that is atomic only in batches.
	Deleted int64
	// RetryAfter is after how many seconds to ask again, where the code says that one
	// may. 0: RetryAfterSeconds.
	RetryAfter int
}

func (e *Refusal) Error() string { return e.Text }
func (e *Refusal) Unwrap() error { return e.Hidden }

// InvalidArgument refuses a parameter or a member.
func InvalidArgument(format string, args ...any) error {
	return &Refusal{Code: api.InvalidArgument, Text: "invalid argument: " + fmt.Sprintf(format, args...)}
}

// InvalidJSON refuses a body that is no JSON.
func InvalidJSON(format string, args ...any) error {
	return &Refusal{Code: api.InvalidJSON, Text: "invalid JSON: " + fmt.Sprintf(format, args...)}
}

// TooLarge refuses what is over its limit.
func TooLarge(format string, args ...any) error {
	return &Refusal{Code: api.TooLarge, Text: "too large: " + fmt.Sprintf(format, args...)}
}

// Overloaded refuses what the budget has no room for.
func Overloaded(what string) error {
	return &Refusal{Code: api.TooManyRequests, Text: "too many requests are waiting: " + what + "; see --max-memory-in-flight"}
}

// Draining ends what waits when the node stops.
var Draining error = &Refusal{Code: api.Unavailable, Text: "the node is shutting down"}

// Outcomes for metrics and spans that are no codes of the contract.
const (
	outcomeOK       api.Code = "ok"
	outcomeCanceled api.Code = "canceled" // the caller has gone, nothing was answered
)

// CommonErrors are what any route may answer with.
var CommonErrors = []api.Code{api.InvalidArgument, api.Misdirected, api.TooLarge, api.TooManyRequests, api.Unavailable, api.Internal}

// RetryAfterSeconds is what a refused caller is told to wait.
const RetryAfterSeconds = "1"

// row is that of an error that is no refusal, nil for a bug.
func (f *Frame) row(err error) *ErrorRow {
	for i := range f.errors {
		if errors.Is(err, f.errors[i].Is) {
			return &f.errors[i]
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &deadlineRow
	}
	return nil
}

// deadlineRow is of an operation that has not ended in its time.
var deadlineRow = ErrorRow{Is: context.DeadlineExceeded, Code: api.Timeout, Told: TimedOut}

// TimedOut is what callers are told of any such operation.
func TimedOut(error) Sentence {
	return Sentence{"the operation timeout passed", "nothing was changed"}
}

// CodeOf finds an error's code.
func (f *Frame) CodeOf(err error) api.Code {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Code
	}
	if row := f.row(err); row != nil {
		return row.Code
	}
	return api.Internal
}

// Told is what a caller is told of an error.
func (f *Frame) Told(err error) Sentence {
	if _, ok := errors.AsType[*Refusal](err); ok {
		return Sentence{Reason: err.Error()}
	}
	switch row := f.row(err); {
	case row == nil:
		return Sentence{Reason: "an internal error; the log has it under the id of this request"}
	case row.Told != nil:
		return row.Told(err)
	}
	return Sentence{Reason: err.Error()}
}

// fail turns an error into the answer and returns its code.
func (c *Call) fail(ctx context.Context, err error) api.Code {
	canceled := errors.Is(err, context.Canceled)
	switch gone := c.Request.Context().Err() != nil; {
	case gone && (canceled || c.streaming): // a stream over HTTP/2 sees it in the middle of a write
		return outcomeCanceled
	case canceled: // a wait was ended by the drain
		err = cmp.Or(context.Cause(ctx), err)
	}
	code := c.Frame.CodeOf(err)
	c.LogFailure(ctx, err)
	switch code {
	case api.TooManyRequests, api.Unavailable, api.IndexBuilding:
		c.SetHeader("Retry-After", retryAfter(err))
	case api.Unauthenticated:
		c.SetHeader("Www-Authenticate", "Bearer")
	}
	c.refuse(code, err)
	return code
}

// refuse answers with an error.
func (c *Call) refuse(code api.Code, err error) {
	c.Status = c.Route.ErrorStatus(code)
	if c.Route.StatusOf != nil {
		c.ContentType = "text/plain; charset=utf-8"
		c.Out = append(c.Out[:0], c.Frame.Told(err).String()...)
		return
	}
	c.ContentType = ""
	c.Out = AppendJSON(c.Out[:0], c.Frame.errorBody(code, err))
}

func retryAfter(err error) string {
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.RetryAfter > 0 {
		return strconv.Itoa(refusal.RetryAfter)
	}
	return RetryAfterSeconds
}

func (f *Frame) errorBody(code api.Code, err error) api.ErrorBody {
	body := api.ErrorBody{Code: code, Message: f.Told(err).String()}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		body.DeletedCount = refusal.Deleted
	}
	if row := f.row(err); row != nil && row.Detail != nil {
		row.Detail(err, &body)
	}
	return body
}

// DeletedOnly says how far a delete came that is atomic only in batches, whatever
// ended it.
func (c *Call) DeletedOnly(deleted int64, what string, err error) error {
	code := c.Frame.CodeOf(err)
	if deleted == 0 && code != api.Timeout {
		return err
	}
	return &Refusal{
		Code: code, Hidden: err, Deleted: deleted,
		Text: fmt.Sprintf("after %d %s had been deleted, %s; repeat the request to go on", deleted, what, c.Frame.Told(err).Reason),
	}
}
