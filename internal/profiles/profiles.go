// Package profiles serves what Go's runtime knows of this process in the form that go tool
// pprof reads: where the processor's time goes, what memory is held, where goroutines wait.
// It is about the whole process, however many nodes run in it.
//
// Nothing is noted beforehand, apart from a sample of what is allocated, where
// runtime.MemProfileRate is not 0: other profiles cost while they are taken.
package profiles

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
)

// Path is below which the profiles are.
const Path = "/debug/pprof/"

// Handler serves profiles below Path: heap, allocs, goroutine and threadcreate as they
// are; profile (of the processor), trace, block and mutex of as many seconds as the query's
// seconds says, which block and mutex need. Only one of each of these four can be taken at
// a time. A request ends with its context.
//
// The command line, which package pprof also has, may hold secrets and is not served. Nor
// is http.DefaultServeMux, to which that package adds itself.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(Path, pprof.Index)
	mux.HandleFunc(Path+"profile", pprof.Profile)
	mux.HandleFunc(Path+"symbol", pprof.Symbol)
	mux.HandleFunc(Path+"trace", pprof.Trace)
	mux.Handle(Path+"block", &waits{profile: pprof.Handler("block"), note: noteBlocking})
	mux.Handle(Path+"mutex", &waits{profile: pprof.Handler("mutex"), note: noteContention})
	return mux
}

// A waits is a profile of what waits. The runtime notes that only while it is taken, since
// doing so always would slow down what is to be measured.
type waits struct {
	profile http.Handler
	note    func(on bool)
	taking  sync.Mutex
}

func (p *waits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("seconds") == "" {
		http.Error(w, "nothing is noted beforehand; say for how long to look, such as ?seconds=10", http.StatusBadRequest)
		return
	}
	if !p.taking.TryLock() {
		http.Error(w, "this profile is being taken; try again when that has ended", http.StatusConflict)
		return
	}
	defer p.taking.Unlock()
	p.note(true)
	defer p.note(false)
	p.profile.ServeHTTP(w, r)
}

const (
	// blockRate is how many nanoseconds of waiting there are, on average, to one sample.
	blockRate = 10_000
	// mutexFraction is how many waits for a mutex there are to one sample.
	mutexFraction = 10
)

func noteBlocking(on bool) {
	rate := 0
	if on {
		rate = blockRate
	}
	runtime.SetBlockProfileRate(rate)
}

func noteContention(on bool) {
	fraction := 0
	if on {
		fraction = mutexFraction
	}
	runtime.SetMutexProfileFraction(fraction)
}
