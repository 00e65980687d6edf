package queue

import (
	"slices"
	"testing"
)

func TestDemandsThatFollowEachOtherAreOne(t *testing.T) {
	t.Parallel()
	one := func(queue string, first, n int, lock int64, kind byte, slot int) demand {
		return demand{queue: queue, first: first, n: n, lock: lock, kind: kind, slot: slot}
	}
	for _, c := range []struct {
		name      string
		asked     []demand
		want      []demand
		wantLocks string
	}{
		{"nobody", nil, nil, "[]"},
		{
			"alike",
			[]demand{one("q", 1, 1, 10, 'd', 0), one("q", 2, 3, 10, 'd', 1), one("q", 5, 1, 10, 'd', 4)},
			[]demand{one("q", 1, 5, 10, 'd', 0)}, "[10]",
		},
		{
			"with another lock, another kind or in another queue",
			[]demand{one("q", 1, 1, 10, 'd', 0), one("q", 2, 1, 20, 'd', 1), one("q", 3, 1, 20, 'l', 2), one("r", 1, 2, 20, 'l', 3)},
			[]demand{one("q", 1, 1, 10, 'd', 0), one("q", 2, 1, 20, 'd', 1), one("q", 3, 1, 20, 'l', 2), one("r", 1, 2, 20, 'l', 3)}, "[10,20]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mergeDemands(slices.Clone(c.asked)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if _, _, locks := encodeDemands(c.asked); locks != c.wantLocks {
				t.Errorf("locks are %s, want %s", locks, c.wantLocks)
			}
		})
	}
}

func TestAReceiptNamesItsQueue(t *testing.T) {
	t.Parallel()
	for by, want := range map[receipt]string{
		"00000000000000010000d0.jobs":     "jobs",
		"00000000000000010000L12.a.b-c_d": "a.b-c_d",
		"00000000000000010000d0":          "",
		"00000000000000010000d0.":         "",
		"00000000000000010000d0.no/queue": "",
		"00000000000000010000dx.jobs":     "",
		"short.jobs":                      "",
		"":                                "",
	} {
		if got := by.queue(); got != want {
			t.Errorf("%q: got %q, want %q", by, got, want)
		}
	}
}
