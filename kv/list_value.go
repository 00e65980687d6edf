package kv

import "fmt"

// Append returns the stored array with the elements of another array after its
// own. Both are values from ParseValue and are not decoded. A key that does not
// exist, which has nothing stored, takes elements as its value.
//
// It fails with ErrInvalidValue if elements is no array, with ErrTypeMismatch if
// stored is none, and with ErrTooLarge if the result has more than maxBytes.
func Append(stored, elements []byte, maxBytes int) ([]byte, error) {
	if err := checkLists(stored, elements); err != nil {
		return nil, err
	}
	if len(stored) == 0 {
		stored = emptyList
	}
	return joinLists(stored, elements, maxBytes)
}

// Prepend is Append with the new elements, in their order, before the stored ones.
func Prepend(stored, elements []byte, maxBytes int) ([]byte, error) {
	if err := checkLists(stored, elements); err != nil {
		return nil, err
	}
	if len(stored) == 0 {
		stored = emptyList
	}
	return joinLists(elements, stored, maxBytes)
}

// CheckElements fails with ErrInvalidValue unless elements, a value from
// ParseValue, is an array. A request that would fail so can be refused before it
// waits for a commit.
func CheckElements(elements []byte) error {
	if !isList(elements) {
		return fmt.Errorf("%w: append and prepend take an array", ErrInvalidValue)
	}
	return nil
}

var emptyList = []byte("[]")

func isList(value []byte) bool { return len(value) >= 2 && value[0] == '[' }

func checkLists(stored, elements []byte) error {
	if err := CheckElements(elements); err != nil {
		return err
	}
	if len(stored) > 0 && !isList(stored) {
		return fmt.Errorf("%w: append and prepend need a stored array", ErrTypeMismatch)
	}
	return nil
}

// joinLists joins two arrays without white space into a new one.
func joinLists(first, second []byte, maxBytes int) ([]byte, error) {
	size := len(first) + len(second) - len("]")
	if len(first) == len("[]") || len(second) == len("[]") {
		size -= len(",")
	}
	if size > maxBytes {
		return nil, errValueTooLarge(size, maxBytes)
	}
	out := make([]byte, 0, size)
	out = append(out, first[:len(first)-1]...)
	if len(first) > len("[]") && len(second) > len("[]") {
		out = append(out, ',')
	}
	return append(out, second[1:]...), nil
}
