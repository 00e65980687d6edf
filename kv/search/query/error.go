package query

import (
	"errors"
	"fmt"
)

// ErrSyntax is wrapped by every error of Compile.
var ErrSyntax = errors.New("the search query has a syntax error")

// An Error says where a query is wrong and why. It holds nothing of the query's text.
type Error struct {
	Position int    // of the character, in code points, from 1
	Message  string // a sentence
}

func (e *Error) Error() string {
	return fmt.Sprintf("character %d of the query: %s", e.Position, e.Message)
}

// Unwrap returns ErrSyntax.
func (e *Error) Unwrap() error { return ErrSyntax }

func wrong(position int, message string) error { return &Error{position, message} }
