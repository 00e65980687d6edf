package search

import (
	"encoding/hex"
	"strings"
)

// A hexKey is a key as the database renders it in JSON.
type hexKey string

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *hexKey) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	*k = hexKey(raw)
	return err
}

// literal is a key in the text of a trigger, which takes no parameters.
func literal[K ~string](k K) string { return "x'" + hex.EncodeToString([]byte(k)) + "'" }

// joinIDs names a set of indexes.
func joinIDs(xs []indexed) string {
	ids := make([]string, len(xs))
	for i := range xs {
		ids[i] = xs[i].id
	}
	return strings.Join(ids, ",")
}
