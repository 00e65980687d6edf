package access

import (
	"errors"
	"fmt"
)

// ErrUnauthenticated is each of the errors of who is not known; ErrForbidden each of those
// of what a token may not.
var (
	ErrUnauthenticated = errors.New("unauthenticated")
	ErrForbidden       = errors.New("forbidden")
)

// Who is not known gets one of these.
const (
	ErrNoToken      unknown = "this needs a token: send Authorization: Bearer and the token's secret"
	ErrUnknownToken unknown = "the token is not known: it is mistyped, or has been revoked"
	ErrExpired      unknown = "the token has expired"
	ErrRevoked      unknown = "the token has been revoked or changed"
	ErrBadTicket    unknown = "the ticket is damaged, or of a token that is not known any more: ask for a new one with POST /ticket"
	ErrOldTicket    unknown = "the ticket has expired or has been used: ask for a new one with POST /ticket"

	ErrBadDataToken unknown = "the data token is damaged, or of a token that is not known any more: exchange the token for a new one at the metadata URL"
	ErrOldDataToken unknown = "the data token has expired: exchange the token for a new one at the metadata URL"
)

// unknown is an error of who is not known.
type unknown string

func (e unknown) Error() string { return string(e) }

func (unknown) Is(target error) bool { return target == ErrUnauthenticated }

// A ScopeError says that a token may not do something of this kind.
type ScopeError struct {
	Token string
	Lacks Scope
	Has   string // its scopes
}

func (e *ScopeError) Error() string {
	return fmt.Sprintf("the token %q lacks the scope %s; it has %s", e.Token, e.Lacks, e.Has)
}

// A BoundError says that a token does not reach something, whether that is there or not.
type BoundError struct{ Token, To string }

func (e *BoundError) Error() string {
	return fmt.Sprintf("the token %q is bound to other %s, or to fewer than this asks for", e.Token, e.To)
}

// Is makes it an ErrForbidden.
func (*ScopeError) Is(target error) bool { return target == ErrForbidden }

// Is makes it an ErrForbidden.
func (*BoundError) Is(target error) bool { return target == ErrForbidden }
