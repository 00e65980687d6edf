package watch

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/buntime/keyval/kv"
)

// An Event is what one operation changed of what a stream watches, or the
// state at the stream's start. Streams that watch the same share it: it must
// not be modified.
type Event struct {
	// Versionstamp is the operation's; of an initial state, its snapshot's.
	Versionstamp kv.Versionstamp
	// Entries are in key order; of an initial state of keys, in the order in
	// which they were asked for. A deleted or expired one does not exist.
	Entries []kv.Entry

	committed time.Time // when this node heard of the commit; zero: not known
	alone     bool      // no other stream has it
	size      int
	refs      atomic.Int64 // buffers that hold it
	render    sync.Once
	rendered  []byte
}

func newEvent(versionstamp kv.Versionstamp, entries []kv.Entry) *Event {
	e := &Event{Versionstamp: versionstamp, Entries: entries, size: 256}
	for i := range entries {
		e.size += 2*len(entries[i].Key) + len(entries[i].Value) + 128
	}
	return e
}

// Rendered returns what render made of the event the first time; render must
// be the same function each time. Ten thousand streams on one key share it. An initial
// state, which may be large, has no Entries any more once it is rendered.
func (e *Event) Rendered(render func(*Event) []byte) []byte {
	e.render.Do(func() {
		e.rendered = render(e)
		if e.alone {
			e.Entries = nil
		}
	})
	return e.rendered
}

// An account counts the bytes of the events that wait in any buffer, each
// event once.
type account struct{ bytes atomic.Int64 }

func (a *account) hold(e *Event) {
	if e.refs.Add(1) == 1 {
		a.bytes.Add(int64(e.size))
	}
}

func (a *account) release(e *Event) {
	if e.refs.Add(-1) == 0 {
		a.bytes.Add(-int64(e.size))
	}
}
