package node

import "testing"

func TestThereIsAlwaysRoomForConnectionsOfAnotherAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		total, each         int // as set
		files               uint64
		wantTotal, wantEach int
	}{
		{0, 0, 0, 20_000, 15_000},
		{0, 0, 1 << 20, 20_000, 15_000},
		{0, 0, 1024, 768, 576},
		{0, 0, 64, 48, 36},
		{0, 0, 1 << 63, 20_000, 15_000},
		{100, 0, 1024, 100, 75},
		{50_000, 0, 1024, 768, 576},
		{100, 100, 1024, 100, 100},
		{100, 200, 1024, 100, 100},
		{1, 0, 1024, 1, 1},
	} {
		total, each := connectionLimits(Config{MaxConnections: c.total, MaxConnectionsPerAddress: c.each}, c.files)
		if total != c.wantTotal || each != c.wantEach {
			t.Errorf("%+v: got %d and %d", c, total, each)
		}
	}
}
