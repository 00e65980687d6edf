package kv

// An Entry is a key with its value, or a key that has none.
type Entry struct {
	Key Key
	// Value is JSON text, byte-exact as written apart from insignificant
	// white space; nil when there is no such entry.
	Value []byte
	// Versionstamp names the operation that wrote the value; "" when there
	// is no such entry.
	Versionstamp Versionstamp
	// ExpiresAt is in Unix milliseconds of the database's clock; 0 means that
	// the entry does not expire.
	ExpiresAt int64
}

// Exists tells an entry from the mere name of a missing one. A value of JSON
// null exists.
func (e Entry) Exists() bool { return e.Versionstamp != "" }
