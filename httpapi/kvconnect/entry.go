package kvconnect

import (
	"encoding/hex"

	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/internal/v8value"
	"github.com/buntime/keyval/kv"
)

func encodeEntries(entries []kv.Entry) []*datapath.KvEntry {
	all := make([]*datapath.KvEntry, len(entries))
	for i := range entries {
		all[i] = encodeEntry(&entries[i])
	}
	return all
}

// encodeEntry is an entry that exists.
func encodeEntry(e *kv.Entry) *datapath.KvEntry {
	value, encoding := v8value.AppendLoaded(make([]byte, 0, len(e.Value)+16), e.Value)
	return &datapath.KvEntry{
		Key: []byte(e.Key), Value: value, Encoding: datapath.ValueEncoding(encoding), Versionstamp: stampBytes(e.Versionstamp),
	}
}

// entriesBytes is about what entries need while they are encoded: V8 has nine bytes for
// a number that JSON writes with three and two for each character of some strings, and
// is there twice, in its message and in the answer.
func entriesBytes(entries []kv.Entry) (n int64) {
	for i := range entries {
		n += 64 + int64(len(entries[i].Key)) + 3*int64(len(entries[i].Value))
	}
	return n
}

// stampBytes are the 10 bytes that a versionstamp's digits stand for.
func stampBytes(v kv.Versionstamp) []byte {
	raw, _ := hex.DecodeString(string(v)) // ours is valid
	return raw
}

// parseStamp is the other way round; none is "".
func parseStamp(raw []byte) (kv.Versionstamp, error) {
	const size = 10
	if len(raw) != 0 && len(raw) != size {
		return "", route.InvalidArgument("invalid versionstamp: it has %d bytes, want %d or none", len(raw), size)
	}
	return kv.Versionstamp(hex.EncodeToString(raw)), nil
}
