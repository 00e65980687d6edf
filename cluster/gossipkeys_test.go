package cluster

import (
	"bytes"
	"slices"
	"testing"

	"github.com/hashicorp/memberlist"
)

// letters are the keys that consist of one letter each.
func letters(text string) (keys [][]byte) {
	for _, letter := range text {
		keys = append(keys, bytes.Repeat([]byte(string(letter)), 32))
	}
	return keys
}

func spelled(keys [][]byte) (text string) {
	for _, key := range keys {
		text += string(key[:1])
	}
	return text
}

func TestARingHoldsTheKeysThatItIsToldAndUsesTheFirst(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ before, after string }{
		{"a", "a"}, {"a", "ab"}, {"ab", "ba"}, {"ba", "b"}, {"a", "b"}, {"abc", "ac"}, {"abc", "c"}, {"abcd", "ea"}, {"abc", "dbe"},
	} {
		ring, err := memberlist.NewKeyring(letters(test.before), letters(test.before)[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := rekey(ring, letters(test.after)); err != nil {
			t.Fatal(err)
		}
		got := spelled(ring.GetKeys())
		if got[:1] != test.after[:1] || sorted(got) != sorted(test.after) {
			t.Errorf("from %s to %s: got %s", test.before, test.after, got)
		}
	}
}

func sorted(text string) string {
	letters := []byte(text)
	slices.Sort(letters)
	return string(letters)
}

func TestOnlyKeysBehindAllOthersAreRemovedInPlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		have, want string
		ends       bool
	}{{"ab", "a", true}, {"abc", "a", true}, {"abc", "ab", true}, {"ab", "ab", true}, {"abc", "ac", false}, {"abcd", "ad", false}} {
		if got := endsWithUnwanted(letters(test.have), letters(test.want)); got != test.ends {
			t.Errorf("%s of %s: got %v, want %v", test.want, test.have, got, test.ends)
		}
	}
}
