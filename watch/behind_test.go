package watch

import (
	"testing"

	"github.com/buntime/keyval/kv"
)

func TestBehindAreTheTransactionsBetweenTwoPositions(t *testing.T) {
	t.Parallel()
	const first, tenth, restored = kv.Versionstamp("00010000000000010000"), kv.Versionstamp("000100000000000a0003"), kv.Versionstamp("00020000000000050000")
	for _, test := range []struct {
		position, newest kv.Versionstamp
		want             uint64
	}{
		{first, first, 0},
		{first, tenth, 9},
		{tenth, first, 0},    // the tailer is further than what was heard of
		{tenth, restored, 0}, // of another incarnation
		{"", tenth, 0},       // nothing is known yet
		{"", "", 0},
	} {
		if got := between(test.position, test.newest); got != test.want {
			t.Errorf("from %q to %q: got %d, want %d", test.position, test.newest, got, test.want)
		}
	}
}
