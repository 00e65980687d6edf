package api

import "encoding/json"

// Versionstamp is 20 lower-case hex digits, opaque except that string order is
// commit order. The empty Versionstamp is null in JSON: the key does not exist.
type Versionstamp string

// MarshalJSON writes an empty Versionstamp as null.
func (v Versionstamp) MarshalJSON() ([]byte, error) {
	if v == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(v))
}
