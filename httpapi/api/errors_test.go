package api

import (
	"errors"
	"fmt"
	"testing"
)

func TestAnErrorIsItsCode(t *testing.T) {
	err := fmt.Errorf("get: %w", &Error{Code: NotFound, Message: "no such key", Status: 404})
	if !errors.Is(err, NotFound) {
		t.Errorf("%v is not %v", err, NotFound)
	}
	if errors.Is(err, Internal) {
		t.Errorf("%v is %v", err, Internal)
	}
	if got, want := err.Error(), "get: not_found: no such key"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestAnErrorSaysItsCodesWordsOnce(t *testing.T) {
	for _, c := range []struct {
		err  Error
		want string
	}{
		{Error{Code: NotFound, Message: "not found: there is no entry with this key"}, "not_found: there is no entry with this key"},
		{Error{Code: InvalidJSON, Message: "invalid JSON: the body ends early"}, "invalid_json: the body ends early"},
		{Error{Code: InvalidKey, Message: "invalid argument: limit"}, "invalid_key: invalid argument: limit"},
		{Error{Code: Timeout, Message: "timeout"}, "timeout: timeout"},
		{Error{Code: Timeout}, "timeout"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.err, got, c.want)
		}
	}
}

func TestStatusesOfCodes(t *testing.T) {
	for code, want := range map[Code]int{
		InvalidKey: 400, InvalidValue: 400, InvalidArgument: 400, InvalidJSON: 400, InvalidCursor: 400, InvalidFilter: 400,
		TypeMismatch: 400, OutOfRange: 400, Unauthenticated: 401, Forbidden: 403, ForbiddenOrigin: 403, Misdirected: 421, UnsupportedMediaType: 415, NotFound: 404, MethodNotAllowed: 405,
		LockLost: 409, IndexBuilding: 409, PositionLost: 410, PreconditionFailed: 412, TooLarge: 413, TooManyRequests: 429,
		Unavailable: 503, CommitUnknown: 503, Timeout: 504, Internal: 500, Code("unheard_of"): 500,
	} {
		if got := code.Status(); got != want {
			t.Errorf("%s.Status() = %d, want %d", code, got, want)
		}
	}
}
