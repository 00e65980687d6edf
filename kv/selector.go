package kv

import "github.com/buntime/keyval/kv/filter"

// A Selector names a run of entries in key order.
type Selector struct {
	Range   Range
	Limit   int
	Reverse bool
	// Where is what the entries must match; nil for all.
	Where *filter.Filter
}

// A Page is a run of entries from one snapshot.
type Page struct {
	Entries []Entry
	// More is set when the range holds entries beyond these: the limit or
	// the byte budget was reached.
	More bool
	// Last is the last key that was looked at, matching or not, where a filter has more
	// entries to look at.
	Last Key
	// Versionstamp is the snapshot's position.
	Versionstamp Versionstamp
}
