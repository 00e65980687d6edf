package gate_test

import (
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
)

const (
	// batch is how many requests are counted together. They take less than a second on any
	// machine: once a second a transaction also notes the time, which is not for a request.
	batch = 5
	// batches are counted, of which the least is taken: the others have what the node did
	// for itself at the time. warmUp come before them, until all that is kept is there.
	batches, warmUp = 40, 12
	// numbered is how many transactions a database has before anything is counted. Go makes
	// no allocation for a number below 256 that becomes an argument.
	numbered = 300
)

// allocations is how many a request makes, wherever in the process. One processor runs all
// of it and the collector rests, so that pools give back what was put in.
func (s *server) allocations(op operation) int {
	s.t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	requests, a := op.prepare(s, batch*(warmUp+batches)), newAnswer()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var all []uint64
	for some := range slices.Chunk(requests, batch) {
		all = append(all, s.mallocs(a, some))
	}
	return int(math.Round(float64(slices.Min(all[warmUp:])) / batch))
}

func (s *server) mallocs(a *answer, requests []*http.Request) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, r := range requests {
		s.serve(a, r)
	}
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
