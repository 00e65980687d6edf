package main

import "testing"

func TestWhatIsInFlightIsAtMostHalfOfTheMemoryLimit(t *testing.T) {
	for _, c := range []struct{ inFlight, limit, want int64 }{
		{256 << 20, 1 << 30, 256 << 20},
		{256 << 20, 400 << 20, 200 << 20},
		{256 << 20, 1 << 20, 32 << 20},
		{64 << 20, 1 << 62, 64 << 20},
	} {
		if got := withinLimit(c.inFlight, c.limit); got != c.want {
			t.Errorf("%d of %d: got %d, want %d", c.inFlight, c.limit, got, c.want)
		}
	}
}
