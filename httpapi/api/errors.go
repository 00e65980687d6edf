package api

import (
	"net/http"
	"strings"
	"time"
)

// Code is the stable name of an error. It is an error itself, so that
// errors.Is(err, api.NotFound) tells what a call of the client came to.
type Code string

// Error makes a Code an error.
func (c Code) Error() string { return string(c) }

// The codes. Those of status 400 say that the request can never succeed as it
// stands.
const (
	InvalidKey      Code = "invalid_key"      // a key breaks a rule of the key model
	InvalidValue    Code = "invalid_value"    // a value that the operation cannot take
	InvalidArgument Code = "invalid_argument" // a parameter or member, or its value
	InvalidJSON     Code = "invalid_json"     // the body is not JSON, or nested too deep
	InvalidCursor   Code = "invalid_cursor"   // damaged, or of another list
	InvalidFilter   Code = "invalid_filter"   // a "where" with an unknown operator or a wrong operand
	TypeMismatch    Code = "type_mismatch"    // a mutation met a stored value of another type
	OutOfRange      Code = "out_of_range"     // an integer outside ±(2^53−1), or the limit of its form

	Unauthenticated Code = "unauthenticated" // no token, or an unknown one
	Forbidden       Code = "forbidden"       // the token lacks the scope

	ForbiddenOrigin Code = "forbidden_origin" // a page of another origin, which the server does not allow
	Misdirected     Code = "misdirected"      // a Host that a server on loopback does not know

	NotFound         Code = "not_found"          // key, message, index or route does not exist
	MethodNotAllowed Code = "method_not_allowed" // the route exists for other methods

	IndexBuilding      Code = "index_building"      // the index that a search needs does not have all entries yet; Error.RetryAfter
	LockLost           Code = "lock_lost"           // the receipt no longer holds the message
	PositionLost       Code = "position_lost"       // older than the change log keeps; Error.Oldest
	PreconditionFailed Code = "precondition_failed" // If-Match or If-None-Match did not hold
	TooLarge           Code = "too_large"           // body, value, batch, result or answer over its limit
	TooManyRequests    Code = "too_many_requests"   // admission control; Error.RetryAfter

	UnsupportedMediaType Code = "unsupported_media_type" // a body with a Content-Encoding

	StorageFull   Code = "storage_full"   // the database's disk is full; nothing was written
	Unavailable   Code = "unavailable"    // nothing was written; Error.RetryAfter
	CommitUnknown Code = "commit_unknown" // a write was sent and its outcome could not be learnt
	Timeout       Code = "timeout"        // the operation timeout passed, nothing was changed
	Internal      Code = "internal"       // a bug; the log has it under the request's id
)

// statuses is the one table from codes to HTTP statuses.
var statuses = map[Code]int{
	InvalidKey:      http.StatusBadRequest,
	InvalidValue:    http.StatusBadRequest,
	InvalidArgument: http.StatusBadRequest,
	InvalidJSON:     http.StatusBadRequest,
	InvalidCursor:   http.StatusBadRequest,
	InvalidFilter:   http.StatusBadRequest,
	TypeMismatch:    http.StatusBadRequest,
	OutOfRange:      http.StatusBadRequest,

	Unauthenticated: http.StatusUnauthorized,
	Forbidden:       http.StatusForbidden,

	ForbiddenOrigin: http.StatusForbidden,
	Misdirected:     http.StatusMisdirectedRequest,

	NotFound:         http.StatusNotFound,
	MethodNotAllowed: http.StatusMethodNotAllowed,

	IndexBuilding:      http.StatusConflict,
	LockLost:           http.StatusConflict,
	PositionLost:       http.StatusGone,
	PreconditionFailed: http.StatusPreconditionFailed,
	TooLarge:           http.StatusRequestEntityTooLarge,
	TooManyRequests:    http.StatusTooManyRequests,

	UnsupportedMediaType: http.StatusUnsupportedMediaType,

	StorageFull:   http.StatusInsufficientStorage,
	Unavailable:   http.StatusServiceUnavailable,
	CommitUnknown: http.StatusServiceUnavailable,
	Timeout:       http.StatusGatewayTimeout,
	Internal:      http.StatusInternalServerError,
}

// Status is the HTTP status of c; 500 if c is not of this contract.
func (c Code) Status() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// A Reason tells one kind of errors with the same code from the others. Most have none.
type Reason string

// PositionAhead is the reason of InvalidArgument for a position (HeaderMinVersionstamp, a
// snapshot) that is newer than the database, which was restored or replaced.
const PositionAhead Reason = "position_ahead"

// QuerySyntax is the reason of InvalidArgument for the query of a search that is none; the
// message has the place.
const QuerySyntax Reason = "query_syntax"

// Error is an error answer as the client returns it.
type Error struct {
	Code       Code
	Message    string        // a sentence for a person
	Reason     Reason        // one kind within the code; mostly none
	RequestID  string        // HeaderRequestID of the answer
	Status     int           // HTTP status; as answered, also by a proxy in between
	RetryAfter time.Duration // Retry-After of the answer, 0 if it had none
	Oldest     Versionstamp  // with PositionLost: the oldest position that is kept
	// DeletedCount is how many entries or messages a delete had removed that works in
	// several commits.
	DeletedCount int64
}

// Error is the code and the message, which often begins with the code's own words.
func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Code)
	}
	message := e.Message
	if words, rest, found := strings.Cut(message, ": "); found && strings.EqualFold(words, strings.ReplaceAll(string(e.Code), "_", " ")) {
		message = rest
	}
	return string(e.Code) + ": " + message
}

// Unwrap returns the code, for errors.Is.
func (e *Error) Unwrap() error { return e.Code }

// ErrorBody is the body of an error answer.
type ErrorBody struct {
	Message string       `json:"error"`
	Code    Code         `json:"code"`
	Reason  Reason       `json:"reason,omitzero"`
	Oldest  Versionstamp `json:"oldest,omitzero"` // with PositionLost only
	// DeletedCount is how far a delete came that works in several commits.
	DeletedCount int64 `json:"deletedCount,omitzero"`
}
