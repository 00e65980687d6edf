package kv

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestAPrefixRangeHoldsWhatIsBelowThePrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := mustKey(t, drawParts(t)...)
		prefix := mustKey(t, drawParts(t)...)
		if got, want := PrefixRange(prefix).Contains(k), k.HasPrefix(prefix) && k != prefix; got != want {
			t.Fatalf("PrefixRange(%s) contains %s: %v, want %v", prefix, k, got, want)
		}
		if got, want := SubtreeRange(prefix).Contains(k), k.HasPrefix(prefix); got != want {
			t.Fatalf("SubtreeRange(%s) contains %s: %v, want %v", prefix, k, got, want)
		}
		if !PrefixRange("").Contains(k) || !SubtreeRange("").Contains(k) {
			t.Fatalf("the empty prefix does not hold %s", k)
		}
	})
}

func TestSelect(t *testing.T) {
	a, ab, ac, ad, b := mustKey(t, "a"), mustKey(t, "a", "b"), mustKey(t, "a", "c"), mustKey(t, "a", "d"), mustKey(t, "b")
	all := []Key{a, ab, ac, ad, b}
	for _, tc := range []struct {
		name               string
		prefix, start, end Key
		want               []Key
	}{
		{"everything", "", "", "", all},
		{"a prefix without itself", a, "", "", []Key{ab, ac, ad}},
		{"start is inclusive", a, ac, "", []Key{ac, ad}},
		{"end is exclusive", a, "", ac, []Key{ab}},
		{"start and end with prefix", a, ab, ad, []Key{ab, ac}},
		{"start at the prefix", a, a, "", []Key{ab, ac, ad}},
		{"end at the prefix", a, "", a, nil},
		{"start without prefix", "", ad, "", []Key{ad, b}},
		{"end without prefix", "", "", ac, []Key{a, ab}},
		{"start equals end", "", ac, ac, nil},
	} {
		r, err := Select(tc.prefix, tc.start, tc.end, false)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		checkHolds(t, tc.name, r, all, tc.want)
	}
}

func TestSelectRefusesBoundsOutsideThePrefix(t *testing.T) {
	a, ab, b := mustKey(t, "a"), mustKey(t, "a", "b"), mustKey(t, "b")
	for _, lenient := range []bool{false, true} {
		if r, err := Select(a, b, "", lenient); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("start outside: %v, %v", r, err)
		}
		if r, err := Select(ab, "", a, lenient); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("end above: %v, %v", r, err)
		}
	}
}

func TestAStartGreaterThanEndIsAnErrorOrEmpty(t *testing.T) {
	a, b := mustKey(t, "a"), mustKey(t, "b")
	if r, err := Select("", b, a, false); !errors.Is(err, ErrInvalidArgument) {
		t.Errorf("Select = %v, %v, want ErrInvalidArgument", r, err)
	}
	if r, err := Select("", b, a, true); err != nil || !r.Empty() {
		t.Errorf("lenient Select = %v, %v, want an empty range", r, err)
	}
}

func TestAListGoesOnAfterItsLastKey(t *testing.T) {
	a, b, c := mustKey(t, "a"), mustKey(t, "b"), mustKey(t, "c")
	all := []Key{a, mustKey(t, "a", "x"), b, mustKey(t, "b", "x"), c}
	r := Range{Start: a, End: c}
	checkHolds(t, "forward", r.After(b, false), all, all[3:4])
	checkHolds(t, "reverse", r.After(b, true), all, all[:2])
	checkHolds(t, "from before the range", Range{Start: b, End: c}.After(a, false), all, all[2:4])
	checkHolds(t, "reverse from behind the range", Range{Start: a, End: b}.After(c, true), all, all[:2])
}

func checkHolds(t *testing.T, name string, r Range, all, want []Key) {
	t.Helper()
	held := make(map[Key]bool)
	for _, k := range want {
		held[k] = true
	}
	for _, k := range all {
		if got := r.Contains(k); got != held[k] {
			t.Errorf("%s: contains %s: %v, want %v", name, k, got, held[k])
		}
	}
}
