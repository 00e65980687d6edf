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

func TestStatusesOfCodes(t *testing.T) {
	for code, want := range map[Code]int{
		InvalidKey: 400, InvalidValue: 400, InvalidArgument: 400, InvalidJSON: 400, InvalidCursor: 400, InvalidFilter: 400,
		TypeMismatch: 400, OutOfRange: 400, Unauthenticated: 401, Forbidden: 403, NotFound: 404, MethodNotAllowed: 405,
		LockLost: 409, PositionLost: 410, PreconditionFailed: 412, TooLarge: 413, TooManyRequests: 429,
		Unavailable: 503, CommitUnknown: 503, Timeout: 504, Internal: 500, Code("unheard_of"): 500,
	} {
		if got := code.Status(); got != want {
			t.Errorf("%s.Status() = %d, want %d", code, got, want)
		}
	}
}
