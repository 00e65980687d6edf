package kv

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/buntime/keyval/internal/strictjson"
)

// MaxDepth is how deep arrays and objects of a JSON text may nest.
const MaxDepth = strictjson.MaxDepth

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
	if err := strictjson.CheckUTF8(raw); err != nil {
		return nil, invalidJSON(err)
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
				return 0, invalidJSON(strictjson.ErrTooDeep)
			}
		case '}', ']':
			depth--
		case '"':
			i = strictjson.StringEnd(raw, i+1)
		}
	}
	return spaces, nil
}

// withoutSpaces copies a valid text that has so many spaces outside strings.
func withoutSpaces(raw []byte, spaces int) []byte {
	out := make([]byte, 0, len(raw)-spaces)
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ' ', '\t', '\r', '\n':
		case '"':
			end := strictjson.StringEnd(raw, i+1)
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
	return invalidJSON(strictjson.Describe(err))
}

func invalidJSON(err error) error { return fmt.Errorf("%w: %w", ErrInvalidJSON, err) }

func errValueTooLarge(size, limit int) error {
	return fmt.Errorf("%w: the value has %s bytes, at most %s are allowed", ErrTooLarge, grouped(size), grouped(limit))
}
