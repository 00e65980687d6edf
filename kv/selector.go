package kv

import (
	"time"

	"github.com/buntime/keyval/kv/filter"
)

// A Selector names a run of entries in key order.
type Selector struct {
	Range   Range
	Limit   int
	Reverse bool
	// Where is what the entries must match; nil for all.
	Where *filter.Filter
	// Within is how long a filter may look for matches before the list ends with those
	// that there are, and More; at most half of the time that its caller has left. 0: the
	// list fails with ErrTimeout if that time is too short.
	Within time.Duration
}

// A Page is a run of entries from one snapshot, or with a filter from several, one after
// the other.
type Page struct {
	Entries []Entry
	// More is set when the range holds entries beyond these: the limit or
	// the byte budget was reached. With a filter it may hold some.
	More bool
	// Last is the last key that was looked at, matching or not, where a filter has more
	// entries to look at.
	Last Key
	// Versionstamp is the snapshot's position, the first one's of several: whoever watches
	// from it misses nothing.
	Versionstamp Versionstamp
}
