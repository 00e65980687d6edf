package kv

import (
	"slices"
	"testing"
)

func TestThePrefixesOfAKeyAreItsPartsOneAfterTheOther(t *testing.T) {
	k, err := NewKey("a\x00b", 7, true, []byte{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []Key{""}
	for n := range 4 {
		p, err := NewKey([]any{"a\x00b", 7, true, []byte{0, 1}}[:n+1]...)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, p)
	}
	got := slices.Collect(k.Prefixes())
	if !slices.Equal(got, want) {
		t.Errorf("prefixes of %s: got %q, want %q", k, got, want)
	}
	for _, p := range got {
		if !k.HasPrefix(p) {
			t.Errorf("%s does not have its prefix %s", k, p)
		}
	}
}

func TestThePrefixesOfForeignBytesEndEarly(t *testing.T) {
	got := slices.Collect(Key("\x26\x99").Prefixes())
	if want := []Key{"", "\x26"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
