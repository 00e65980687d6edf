package kv

// A Selector names a run of entries in key order.
type Selector struct {
	Range   Range
	Limit   int
	Reverse bool
}

// A Page is a run of entries from one snapshot.
type Page struct {
	Entries []Entry
	// More is set when the range holds entries beyond these: the limit or
	// the byte budget was reached.
	More bool
	// Versionstamp is the snapshot's position.
	Versionstamp Versionstamp
}
