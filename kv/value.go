package kv

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep arrays and objects of a JSON text may nest.
const MaxDepth = 500

// ParseValue checks that raw is one JSON text in UTF-8 and returns it without
// insignificant white space, otherwise byte for byte: numbers keep all digits,
// members their order, also if a name occurs twice, and strings their escapes.
// The result may share memory with raw.
//
// It fails with ErrInvalidJSON, or with ErrTooLarge if the result has more than
// maxBytes.
func ParseValue(raw []byte, maxBytes int) ([]byte, error) {
	spaces, err := surveyJSON(raw)
	if err != nil {
		return nil, err
	}
	// The limit comes first: there is no need to validate what is refused anyway.
	if size := len(raw) - spaces; size > maxBytes {
		return nil, errValueTooLarge(size, maxBytes)
	}
	if err := CheckUTF8(raw); err != nil {
		return nil, err
	}
	if !jsontext.Value(raw).IsValid(keepAll...) {
		return nil, describeBroken(raw)
	}
	if spaces == 0 {
		return raw, nil
	}
	return withoutSpaces(raw, spaces), nil
}

// keepAll accepts what JSON's grammar does: duplicate names, and escapes of lone
// surrogates, which JSON.stringify writes. ParseValue checks raw UTF-8 itself.
var keepAll = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// surveyJSON counts the white space outside strings and stops where brackets
// nest too deep, before any parser recurses or grows a stack. It takes the text
// for valid; if it is not, the counts are of no use and the parser says so.
func surveyJSON(raw []byte) (spaces int, err error) {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ' ', '\t', '\r', '\n':
			spaces++
		case '{', '[':
			if depth++; depth > MaxDepth {
				return 0, fmt.Errorf("%w: it nests deeper than %d", ErrInvalidJSON, MaxDepth)
			}
		case '}', ']':
			depth--
		case '"':
			i = stringEnd(raw, i)
		}
	}
	return spaces, nil
}

// stringEnd is the index of the quote that ends the string begun at i, or the
// end of raw.
func stringEnd(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}

// withoutSpaces copies a valid text that has so many spaces outside strings.
func withoutSpaces(raw []byte, spaces int) []byte {
	out := make([]byte, 0, len(raw)-spaces)
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ' ', '\t', '\r', '\n':
		case '"':
			end := stringEnd(raw, i)
			out = append(out, raw[i:end+1]...)
			i = end
		default:
			out = append(out, raw[i])
		}
	}
	return out
}

func describeBroken(raw []byte) error {
	_, err := jsontext.AppendFormat(nil, raw, keepAll...)
	return BrokenJSON(err)
}

// CheckUTF8 fails with ErrInvalidJSON, and says where, if raw is not UTF-8.
func CheckUTF8(raw []byte) error {
	if utf8.Valid(raw) {
		return nil
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("%w: it is not valid UTF-8 at byte %d", ErrInvalidJSON, at)
		}
		at += size
	}
}

// BrokenJSON turns an error of jsontext's into ErrInvalidJSON. It says where the
// text is wrong and nothing of what stands there, nor in which members: that may be
// a secret. It does not wrap the cause, because an io.ErrUnexpectedEOF in it would
// look like a connection's.
func BrokenJSON(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return fmt.Errorf("%w: it ends early", ErrInvalidJSON)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends early, at byte %d", ErrInvalidJSON, syntax.ByteOffset)
	case strings.HasSuffix(syntax.Err.Error(), "max depth"): // jsontext has no sentinel for its own limit
		return fmt.Errorf("%w: it nests deeper than %d", ErrInvalidJSON, MaxDepth)
	}
	return fmt.Errorf("%w: what stands at byte %d cannot stand there", ErrInvalidJSON, syntax.ByteOffset)
}

func errValueTooLarge(size, limit int) error {
	return fmt.Errorf("%w: the value has %s bytes, at most %s are allowed", ErrTooLarge, grouped(size), grouped(limit))
}
