package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
	"github.com/buntime/keyval/watch"
)

// errorTable maps the outcomes that a caller acts on to the codes of the contract;
// the codes have their statuses in package api. The first row that matches
// counts. What matches none is a bug: 500 internal.
var errorTable = []struct {
	sentinel error
	code     api.Code
}{
	{kv.ErrInvalidKey, api.InvalidKey},
	{kv.ErrInvalidValue, api.InvalidValue},
	{kv.ErrInvalidArgument, api.InvalidArgument},
	{kv.ErrInvalidJSON, api.InvalidJSON},
	{kv.ErrInvalidCursor, api.InvalidCursor},
	{kv.ErrInvalidFilter, api.InvalidFilter},
	{kv.ErrTypeMismatch, api.TypeMismatch},
	{kv.ErrOutOfRange, api.OutOfRange},
	{kv.ErrNotFound, api.NotFound},
	{errMethodNotAllowed, api.MethodNotAllowed},
	{queue.ErrLockLost, api.LockLost},
	{kv.ErrPositionLost, api.PositionLost},
	{kv.ErrPreconditionFailed, api.PreconditionFailed},
	{kv.ErrTooLarge, api.TooLarge},
	{sqldb.ErrTooLarge, api.TooLarge},
	{errEncoded, api.UnsupportedMediaType},
	{errForeignOrigin, api.ForbiddenOrigin},
	{errForeignHost, api.Misdirected},
	{sqldb.ErrOverloaded, api.TooManyRequests},
	// Before unavailable and timeout: a write that was sent has no better answer,
	// whatever else is wrapped.
	{sqldb.ErrCommitUnknown, api.CommitUnknown},
	{sqldb.ErrStorageFull, api.StorageFull},
	{kv.ErrTimeout, api.Timeout},
	{errDraining, api.Unavailable},
	{watch.ErrClosed, api.Unavailable},
	{queue.ErrClosed, api.Unavailable},
	{sqldb.ErrUnavailable, api.Unavailable},
	{context.DeadlineExceeded, api.Timeout},
}

var (
	errMethodNotAllowed = errors.New("method not allowed")
	// errDraining ends what waits when the node stops.
	errDraining = errors.New("the node is shutting down")
)

// Outcomes for metrics and spans that are no codes of the contract.
const (
	outcomeOK       api.Code = "ok"
	outcomeCanceled api.Code = "canceled" // the caller has gone, nothing was answered
)

// commonErrors are what any route may answer with.
var commonErrors = []api.Code{api.InvalidArgument, api.Misdirected, api.TooLarge, api.TooManyRequests, api.Internal}

// retryAfterSeconds is what a refused caller is told to wait.
const retryAfterSeconds = "1"

// codeOf finds an error's code.
func codeOf(err error) api.Code {
	for _, row := range errorTable {
		if errors.Is(err, row.sentinel) {
			return row.code
		}
	}
	return api.Internal
}

// oldestPosition is implemented by errors that wrap kv.ErrPositionLost and know
// the oldest position that is still kept.
type oldestPosition interface {
	error
	OldestPosition() kv.Versionstamp
}

// fail turns an error into the answer and returns its code.
func (c *call) fail(ctx context.Context, err error) api.Code {
	if errors.Is(err, context.Canceled) {
		// Either the caller has gone, or a wait was ended by the drain.
		if c.r.Context().Err() != nil {
			return outcomeCanceled
		}
		err = cmp.Or(context.Cause(ctx), err)
	}
	code := codeOf(err)
	body := api.ErrorBody{Code: code, Message: told(err).String()}
	c.logFailure(ctx, code, err)
	switch code {
	case api.TooManyRequests, api.Unavailable:
		c.setHeader("Retry-After", retryAfterSeconds)
	case api.PositionLost:
		if lost, ok := errors.AsType[oldestPosition](err); ok {
			body.Oldest = api.Versionstamp(lost.OldestPosition())
		}
	}
	if errors.Is(err, kv.ErrPositionAhead) {
		body.Reason = api.PositionAhead
	}
	if progress, ok := errors.AsType[*progressError](err); ok {
		body.DeletedCount = progress.deleted
	}
	c.status = code.Status()
	c.contentType = ""
	c.out = appendJSON(c.out[:0], body)
	return code
}

// appendJSON is for small values that cannot fail to encode.
func appendJSON(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a bug: caught, logged and answered with 500 by the endpoint
	}
	return append(dst, text...)
}

// notFound answers where no route matches.
func (s *Server) notFound(context.Context, *call) error { return errNoRoute }

var errNoRoute = &routeError{}

type routeError struct{}

func (*routeError) Error() string { return "there is no such route; GET /docs shows them all" }
func (*routeError) Unwrap() error { return kv.ErrNotFound }

// methodNotAllowed answers where the path has routes of other methods only.
func (s *Server) methodNotAllowed(_ context.Context, c *call) error {
	c.setHeader("Allow", strings.Join(s.allowed(c.r), ", "))
	return errMethodNotAllowed
}

// allowed are the methods that the request's path has routes for.
func (s *Server) allowed(r *http.Request) []string {
	var methods []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		if s.mux.Match(chi.NewRouteContext(), m, sentPath(r)) {
			methods = append(methods, m)
		}
	}
	return methods
}
