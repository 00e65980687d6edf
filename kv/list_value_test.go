package kv

import (
	"errors"
	"testing"
)

func TestAppendAndPrepend(t *testing.T) {
	for _, tc := range []struct {
		stored, elements  string // stored "" is a missing key
		appended, prepend string
	}{
		{``, `[1,2]`, `[1,2]`, `[1,2]`},
		{``, `[]`, `[]`, `[]`},
		{`[]`, `[1]`, `[1]`, `[1]`},
		{`[1]`, `[]`, `[1]`, `[1]`},
		{`[1,2]`, `[3,4]`, `[1,2,3,4]`, `[3,4,1,2]`},
		{`[[]]`, `["]"]`, `[[],"]"]`, `["]",[]]`},
	} {
		stored := []byte(tc.stored)
		got, err := Append(stored, []byte(tc.elements), 100)
		if err != nil || string(got) != tc.appended {
			t.Errorf("Append(%s, %s) = %s, %v, want %s", tc.stored, tc.elements, got, err, tc.appended)
		}
		got, err = Prepend(stored, []byte(tc.elements), 100)
		if err != nil || string(got) != tc.prepend {
			t.Errorf("Prepend(%s, %s) = %s, %v, want %s", tc.stored, tc.elements, got, err, tc.prepend)
		}
		if string(stored) != tc.stored {
			t.Errorf("the stored value %s was changed to %s", tc.stored, stored)
		}
	}
}

func TestWhatCannotBeAppended(t *testing.T) {
	for _, tc := range []struct {
		stored, elements string
		maxBytes         int
		want             error
	}{
		{`[]`, `1`, 100, ErrInvalidValue},
		{`[]`, `{}`, 100, ErrInvalidValue},
		{`[]`, `"[]"`, 100, ErrInvalidValue},
		{``, `null`, 100, ErrInvalidValue},
		{`1`, `[1]`, 100, ErrTypeMismatch},
		{`null`, `[1]`, 100, ErrTypeMismatch},
		{`"[]"`, `[1]`, 100, ErrTypeMismatch},
		{`[1,2]`, `[3,4]`, 8, ErrTooLarge},
		{`[1,2]`, `[3,4]`, 9, nil},
		{`[]`, `[3,4]`, 5, nil},
		{``, `[3,4]`, 4, ErrTooLarge},
	} {
		for name, op := range map[string]func([]byte, []byte, int) ([]byte, error){"Append": Append, "Prepend": Prepend} {
			if got, err := op([]byte(tc.stored), []byte(tc.elements), tc.maxBytes); !errors.Is(err, tc.want) {
				t.Errorf("%s(%s, %s, %d) = %s, %v, want %v", name, tc.stored, tc.elements, tc.maxBytes, got, err, tc.want)
			}
		}
	}
}
