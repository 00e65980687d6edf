package watch

import (
	"sort"

	"github.com/buntime/keyval/kv"
)

// windowBytes bounds the changes that are kept in memory.
const windowBytes = 8 << 20

// A window is the end of the change log as the tailer has read it. Streams
// that are a little behind, and clients that come back after a restart of
// their connection, are served from it without a question to the database.
//
// Its changes are shared with the streams that read them, and never modified.
type window struct {
	changes []change
	bytes   int
	// start is the position after which the window is complete.
	start kv.Versionstamp
}

func (w *window) add(changes []change) {
	for _, c := range changes {
		w.bytes += c.size()
	}
	w.changes = append(w.changes, changes...)
	drop := 0
	for w.bytes > windowBytes && drop < len(w.changes) {
		last := w.changes[drop].versionstamp
		for drop < len(w.changes) && w.changes[drop].versionstamp == last {
			w.bytes -= w.changes[drop].size()
			drop++
		}
		w.start = last
	}
	if drop > 0 {
		// What is dropped stays in memory until append moves the rest.
		w.changes = w.changes[drop:]
	}
}

// after returns the changes after a position; not ok if they are not all here.
func (w *window) after(position kv.Versionstamp) (_ []change, ok bool) {
	if position < w.start {
		return nil, false
	}
	i := sort.Search(len(w.changes), func(i int) bool { return w.changes[i].versionstamp > position })
	return w.changes[i:len(w.changes):len(w.changes)], true
}

// size is about what a change takes in memory.
func (c *change) size() int { return 80 + len(c.key) }
