package watch

import (
	"sync/atomic"
	"time"

	"github.com/buntime/keyval/kv"
)

// newest is the greatest of the positions that it was given since it was stored.
type newest struct {
	p atomic.Pointer[kv.Versionstamp]
}

func (n *newest) load() kv.Versionstamp {
	if p := n.p.Load(); p != nil {
		return *p
	}
	return ""
}

// raise tells whether v is newer than what was known.
func (n *newest) raise(v kv.Versionstamp) bool {
	for {
		old := n.p.Load()
		if old != nil && *old >= v {
			return false
		}
		if n.p.CompareAndSwap(old, &v) {
			return true
		}
	}
}

// store begins anew, from a position that may be older.
func (n *newest) store(v kv.Versionstamp) { n.p.Store(&v) }

// takeBack takes back a position that turned out not to exist.
func (n *newest) takeBack(wrong, right kv.Versionstamp) {
	if old := n.p.Load(); old != nil && *old == wrong {
		n.p.CompareAndSwap(old, &right)
	}
}

// atomicTime is a time for concurrent use.
type atomicTime struct{ p atomic.Pointer[time.Time] }

func (a *atomicTime) store(t time.Time) { a.p.Store(&t) }

func (a *atomicTime) load() time.Time {
	if p := a.p.Load(); p != nil {
		return *p
	}
	return time.Time{}
}
