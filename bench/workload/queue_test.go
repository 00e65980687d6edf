package workload

import (
	"regexp"
	"strings"
	"testing"
)

func TestAQueueIsNamedAfterItsPrefixAndNoOther(t *testing.T) {
	if got := queueName("keyval-bench"); got != "keyval-bench" {
		t.Errorf("got %q", got)
	}
	seen := map[string]string{}
	for _, path := range []string{"a", "a/b", "a-b", "a%2Fb", "a/b/", strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("x", 66)} {
		name := queueName(path)
		if !regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`).MatchString(name) {
			t.Errorf("%q becomes %q, which is no name", path, name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%q and %q are both %q", path, other, name)
		}
		seen[name] = path
	}
}
