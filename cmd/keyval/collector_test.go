package main

import "testing"

func TestASmallHeapGrowsBySpareMemoryAndALargeOneDoubles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		live uint64
		want int
	}{
		{0, mostPercent},
		{1 << 20, mostPercent},
		{16 << 20, 400},
		{32 << 20, 200},
		{64 << 20, 100},
		{1 << 30, 100},
	} {
		if got := growth(test.live); got != test.want {
			t.Errorf("%d MiB: got %d %%, want %d", test.live>>20, got, test.want)
		}
	}
}
