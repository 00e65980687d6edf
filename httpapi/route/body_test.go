package route

import (
	"bytes"
	"strings"
	"testing"
)

func TestABodyIsReadOnlyUpToItsLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		announced int64
		size      int
		refused   bool
	}{
		{-1, 0, false}, {-1, 100, false}, {-1, 101, true}, {100, 100, false}, {0, 0, false}, {1 << 40, 10, true},
	} {
		body, err := readBody(bytes.NewReader(make([]byte, c.size)), c.announced, 100, roomy())
		if refused := err != nil; refused != c.refused || !refused && len(body) != c.size {
			t.Errorf("%d bytes, announced as %d: got %d bytes and %v", c.size, c.announced, len(body), err)
		}
	}
}

func TestReadingABodyDoesNotBelieveWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	body, err := readBody(strings.NewReader("x"), 4<<20, 4<<20, roomy())
	if err != nil {
		t.Fatal(err)
	}
	if cap(body) > 5<<10 {
		t.Errorf("one byte announced as 4 MiB took %d bytes", cap(body))
	}
}

// roomy is a share of a budget that nobody else has.
func roomy() *Share { return &Share{of: newBudget(defaultMemoryInFlight)} }
