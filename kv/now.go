package kv

import "bytes"

// nowPlaceholder stands in the value of a set for the transaction's time.
//
// In a value from ParseValue these bytes occur only as that object: within a
// string the quotes would be escaped, and no string can end or begin amid them,
// because neither `"$` nor `now"` can stand outside one. So a search for the bytes finds
// exactly the placeholders, in Go and in SQL's replace().
const nowPlaceholder = `{"$now":true}`

// HasNow reports whether a value from ParseValue contains {"$now":true}, exactly
// this object, at any depth.
func HasNow(value []byte) bool {
	return bytes.Contains(value, []byte(nowPlaceholder))
}
