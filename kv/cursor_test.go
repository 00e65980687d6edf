package kv

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestACursorComesBackAsItsKey(t *testing.T) {
	binding := []byte("prefix a, reverse")
	for _, k := range []Key{mustKey(t, "a"), mustKey(t, "a", 1, true), mustKey(t, strings.Repeat("x", 1022), strings.Repeat("x", 1022))} {
		cursor := EncodeCursor(k, binding)
		if got, err := DecodeCursor(cursor, binding); err != nil || got != k {
			t.Errorf("DecodeCursor(%.40s) = %.40s, %v, want %.40s", cursor, got, err, k)
		}
	}
}

func TestACursorOfAnotherListIsRefused(t *testing.T) {
	cursor := EncodeCursor(mustKey(t, "a"), []byte("one list"))
	for _, binding := range []string{"", "another list", "one list\x02a\x00"} {
		if k, err := DecodeCursor(cursor, []byte(binding)); !errors.Is(err, ErrInvalidCursor) {
			t.Errorf("DecodeCursor with binding %q = %s, %v, want ErrInvalidCursor", binding, k, err)
		}
	}
}

func TestABindingDoesNotRunIntoTheKey(t *testing.T) {
	a, b := mustKey(t, "a"), mustKey(t, "b")
	if bytes.Equal(cursorSum(a+b, []byte("list")), cursorSum(b, []byte("list"+string(a)))) {
		t.Error("two lists have the same hash")
	}
}

func TestADamagedCursorIsRefused(t *testing.T) {
	cursor := EncodeCursor(mustKey(t, "users", "alice"), nil)
	damaged := []string{"", "a", "!", cursor[:len(cursor)-1], cursor + "A", cursor + "=", cursor + "\n", strings.Repeat("A", 10_000)}
	for i := range cursor {
		damaged = append(damaged, cursor[:i]+string(cursor[i]^1)+cursor[i+1:])
	}
	for _, s := range damaged {
		if k, err := DecodeCursor(s, nil); !errors.Is(err, ErrInvalidCursor) {
			t.Errorf("DecodeCursor(%.60q) = %s, %v, want ErrInvalidCursor", s, k, err)
		}
	}
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add(EncodeCursor(mustKey(f, "a"), []byte("b")), []byte("b"))
	f.Fuzz(func(t *testing.T, s string, binding []byte) {
		k, err := DecodeCursor(s, binding)
		if err != nil {
			if !errors.Is(err, ErrInvalidCursor) {
				t.Fatalf("err = %v", err)
			}
			return
		}
		if EncodeCursor(k, binding) != s {
			t.Fatalf("%q is a second cursor for %s", s, k)
		}
	})
}
