package queue

import (
	"errors"
	"testing"

	"github.com/buntime/keyval/kv"
)

func FuzzReceipt(f *testing.F) {
	f.Add("0000000000000a3f0001d17.default")
	f.Add("0000000000000a3f0001L-1.a.b")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		r := receipt(text)
		if name := r.queue(); name != "" && (ValidateName(name) != nil || r.slot() < 0) {
			t.Errorf("%q is of the queue %q and the place %d", text, name, r.slot())
		}
		_, _ = r.byListener(), r.afterTimeout()
	})
}

func FuzzCursors(f *testing.F) {
	f.Add(deadLetterCursor{1_700_000_000_000, "01890000-0000-7000-8000-000000000000"}.String())
	f.Add(spot{true, -128, 5, 1 << 52}.cursor(Browse{Queue: "a", State: Ready}))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseDeadLetterCursor(text); err == nil && text != "" {
			if again, err := parseDeadLetterCursor(c.String()); err != nil || again != c {
				t.Errorf("%q is %v, which comes back as %v, %v", text, c, again, err)
			}
		} else if err != nil && !errors.Is(err, kv.ErrInvalidCursor) {
			t.Errorf("%q: %v", text, err)
		}
		b := Browse{Queue: "a", State: Ready, Cursor: text}
		if _, err := b.start(); err != nil && !errors.Is(err, kv.ErrInvalidCursor) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
