package access

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// minBurst is how many requests may come at once, however few may come in a second: a
// page that is opened asks for several things.
const minBurst = 10

// burstOf is what a rate without a burst of its own has: what may come in a second.
func burstOf(perSecond float64) int {
	return int(min(max(math.Ceil(perSecond), minBurst), math.MaxInt32))
}

// allow takes one, or says when there will be one.
func allow(limiter *rate.Limiter, now time.Time) (ok bool, wait time.Duration) {
	if limiter.AllowN(now, 1) {
		return true, 0
	}
	missing := 1 - limiter.TokensAt(now)
	return false, time.Duration(missing / float64(limiter.Limit()) * float64(time.Second))
}

const (
	// mostAddresses is how many addresses have a rate of their own, in some 10 MB.
	mostAddresses = 1 << 16
	// forgetAtOnce is how many are looked at when one more comes, whether they have
	// been idle for long enough to be as good as new: two or more, so that those who
	// have gone are forgotten faster than others come.
	forgetAtOnce = 8
)

// addresses are the rates of those that have asked lately. Beyond the most that there may
// be, all newcomers have one rate between them, until somebody is forgotten.
type addresses struct {
	perSecond rate.Limit
	burst     int
	most      int

	mu     sync.Mutex // covers what follows
	known  map[netip.Prefix]*rate.Limiter
	others *rate.Limiter
}

func newAddresses(perSecond float64) *addresses {
	a := &addresses{perSecond: rate.Limit(perSecond), burst: burstOf(perSecond), most: mostAddresses, known: map[netip.Prefix]*rate.Limiter{}}
	a.others = rate.NewLimiter(a.perSecond, a.burst)
	return a
}

// allow takes a request of an address's rate, or says when there will be one.
func (a *addresses) allow(from netip.Prefix, now time.Time) (ok bool, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return allow(a.ofLocked(from, now), now)
}

// charge takes n requests that have not been made, also those that there are not yet.
func (a *addresses) charge(from netip.Prefix, n int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ofLocked(from, now).ReserveN(now, n)
}

func (a *addresses) ofLocked(from netip.Prefix, now time.Time) *rate.Limiter {
	if limiter := a.known[from]; limiter != nil {
		return limiter
	}
	a.forgetLocked(now)
	if len(a.known) >= a.most {
		return a.others
	}
	limiter := rate.NewLimiter(a.perSecond, a.burst)
	a.known[from] = limiter
	return limiter
}

// forgetLocked looks at a few, which a map chooses at random, and forgets those who have
// all of their burst again.
func (a *addresses) forgetLocked(now time.Time) {
	looked := 0
	for from, limiter := range a.known {
		if limiter.TokensAt(now) >= float64(a.burst) {
			delete(a.known, from)
		}
		if looked++; looked == forgetAtOnce {
			return
		}
	}
}
