package wire

import (
	"strconv"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// AppendEntry renders an entry. The value is copied as the JSON that it is.
func AppendEntry(dst []byte, e *kv.Entry) []byte {
	dst = append(dst, `{"key":`...)
	dst = e.Key.AppendJSON(dst)
	if !e.Exists() {
		return append(dst, `,"value":null,"versionstamp":null}`...)
	}
	dst = append(dst, `,"value":`...)
	dst = append(dst, e.Value...)
	dst = append(dst, `,"versionstamp":"`...)
	dst = append(dst, e.Versionstamp...)
	dst = append(dst, '"')
	if e.ExpiresAt != 0 {
		dst = append(dst, `,"expiresAt":`...)
		dst = strconv.AppendInt(dst, e.ExpiresAt, 10)
	}
	return append(dst, '}')
}

// AppendEntries renders an array of entries.
func AppendEntries(dst []byte, entries []kv.Entry) []byte {
	return route.AppendArray(dst, entries, AppendEntry)
}

// AppendConflicts renders keys with the versionstamps that they have.
func AppendConflicts(dst []byte, conflicts []kv.Check) []byte {
	return route.AppendArray(dst, conflicts, func(dst []byte, c *kv.Check) []byte {
		dst = append(dst, `{"key":`...)
		dst = c.Key.AppendJSON(dst)
		dst = append(dst, `,"versionstamp":`...)
		dst = appendVersionstamp(dst, c.Versionstamp)
		return append(dst, '}')
	})
}

func appendVersionstamp(dst []byte, v kv.Versionstamp) []byte {
	if v == "" {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = append(dst, v...)
	return append(dst, '"')
}

// EntriesBytes is about how long entries are when rendered.
func EntriesBytes(entries []kv.Entry) int64 {
	n := int64(0)
	for i := range entries {
		n += EntryBytes(&entries[i])
	}
	return n
}

// EntryBytes is about how long an entry is when rendered.
func EntryBytes(e *kv.Entry) int64 {
	const members = int64(len(`{"key":,"value":,"versionstamp":"01234567890123456789","expiresAt":0123456789012},`))
	return members + int64(len(e.Key)) + int64(len(e.Value))
}
