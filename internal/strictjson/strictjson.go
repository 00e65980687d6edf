// Package strictjson says where a JSON text is wrong, for values and for the bodies
// that carry them. It says nothing of what stands there, nor in which members: that
// may be a secret. And it has what is the same wherever JSON is read or written by hand.
package strictjson

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 500

// CheckUTF8 says where raw is not UTF-8; nil if it is.
func CheckUTF8(raw []byte) error {
	if utf8.Valid(raw) {
		return nil
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("it is not valid UTF-8 at byte %d", at)
		}
		at += size
	}
}

// ErrTooDeep is of a text that nests deeper than MaxDepth.
var ErrTooDeep = fmt.Errorf("it nests deeper than %d", MaxDepth)

// Describe turns an error of jsontext's into one for everybody to read. It does not
// wrap the cause, because an io.ErrUnexpectedEOF in it would look like a connection's.
func Describe(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return errors.New("it ends early")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it ends early, at byte %d", syntax.ByteOffset)
	case strings.HasSuffix(syntax.Err.Error(), "max depth"): // jsontext has no sentinel for its own limit
		return ErrTooDeep
	}
	return fmt.Errorf("what stands at byte %d cannot stand there", syntax.ByteOffset)
}
