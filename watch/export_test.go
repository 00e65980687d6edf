package watch

import (
	"time"

	"github.com/buntime/keyval/kv"
)

// Park has the tailer park as soon as nobody watches.
func (h *Hub) Park() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = time.Now().Add(-2 * parkAfter)
	h.ring()
}

// Parked tells whether the tailer has parked.
func (h *Hub) Parked() bool { return h.tailPosition() == "" }

// MaxSlow is maxSlow.
const MaxSlow = maxSlow

// An Index is the index of a hub, alone.
type Index struct{ index index }

// NewIndex is empty.
func NewIndex() *Index { return &Index{newIndex()} }

// Add has a stream of its own watch, until it is removed.
func (x *Index) Add(f Filter) (remove func()) {
	s := newStream(nil, f)
	x.index.add(s)
	return func() { x.index.remove(s) }
}

// Watching is how many streams watch k.
func (x *Index) Watching(k kv.Key) (n int) {
	for range x.index.watching(k) {
		n++
	}
	return n
}
