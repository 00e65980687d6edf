package wire

import (
	"fmt"
	"strings"
	"testing"
)

// entityTags is how a header of these lines compares weakly, as a text, and whether
// it is one.
func entityTags(lines ...string) (string, bool) {
	versions, err := parseEntityTags("If-Match", lines, true)
	if err != nil {
		return "", false
	}
	return fmt.Sprint(*versions), true
}

func FuzzEntityTags(f *testing.F) {
	for _, seed := range []string{`*`, `"a"`, `W/"a", "b"`, `"a,b" ,, "`, `""`, `W/`, `*,`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		whole, ok := entityTags(list)
		// Empty elements and lines mean nothing.
		if again, okAgain := entityTags(" ,"+list, ""); ok != okAgain || whole != again {
			t.Fatalf("%q: got %s, %v; with an empty element and line %s, %v", list, whole, ok, again, okAgain)
		}
		if ok && !strings.ContainsAny(list, `*"`) {
			t.Fatalf("%q has no tag and is taken", list)
		}
	})
}
