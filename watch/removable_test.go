package watch

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhatOneStepOfCompactionRemoves(t *testing.T) {
	t.Parallel()
	// operations makes versionstamps: "a3 b1" are three rows of a and one of b.
	operations := func(text string) []string {
		var all []string
		for _, op := range strings.Fields(text) {
			var n int
			if _, err := fmt.Sscan(op[1:], &n); err != nil {
				t.Fatal(err)
			}
			for range n {
				all = append(all, op[:1])
			}
		}
		return all[:min(len(all), compactRows+1)]
	}
	for _, test := range []struct {
		oldest, mark string
		excess       int64
		want         string
	}{
		{"", "z", 5, ""},
		{"a1 b1 c1", "", 0, ""},
		{"a1 b1 c1", "", -5, ""},
		{"a1 b1 c1", "b", 0, "b"},
		{"a1 b1 c1", "", 1, "a"},
		{"a1 b1 c1", "b", 3, "c"},
		{"a3 b1", "", 1, "a"},
		{"a999 b1 c1", "z", 0, "b"},
		{"a1 b999 c1", "z", 0, "b"},
		{"a1 b1000 c1", "z", 0, "a"},
		{"a1500 b1", "z", 0, "a"},
		{"a1500 b1", "", 1, "a"},
	} {
		if got := removable(operations(test.oldest), test.mark, test.excess); got != test.want {
			t.Errorf("of %q with mark %q and %d too many: got %q, want %q", test.oldest, test.mark, test.excess, got, test.want)
		}
	}
}
