package kvconnect

import (
	"encoding/binary"
	"encoding/hex"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/internal/v8value"
	"github.com/buntime/keyval/kv"
)

// Entries are translated right into the answer: as messages of package datapath they
// would be in memory twice, and a read may have 64 MiB of them.

// Numbers of the fields of what has entries.
const (
	outputRanges   = 1 // SnapshotReadOutput
	outputStrong   = 4
	outputStatus   = 8
	rangeValues    = 1 // ReadRangeOutput
	entryKey       = 1 // KvEntry
	entryValue     = 2
	entryEncoding  = 3
	entryStamp     = 4
	frameStatus    = 1 // WatchOutput
	frameKeys      = 2
	frameChanged   = 1 // WatchKeyOutput
	frameKeysEntry = 2
)

// appendOutput appends a SnapshotReadOutput.
func appendOutput(dst []byte, ranges [][]kv.Entry, strong bool) []byte {
	for _, entries := range ranges {
		dst = appendNested(dst, outputRanges, func(dst []byte) []byte { return appendRange(dst, entries) })
	}
	if strong {
		dst = appendNumber(dst, outputStrong, 1)
	}
	return appendNumber(dst, outputStatus, uint64(datapath.SnapshotReadStatus_SR_SUCCESS))
}

func appendRange(dst []byte, entries []kv.Entry) []byte {
	for i := range entries {
		dst = appendNested(dst, rangeValues, func(dst []byte) []byte { return appendEntry(dst, &entries[i]) })
	}
	return dst
}

// appendEntry appends a KvEntry of an entry that exists.
func appendEntry(dst []byte, e *kv.Entry) []byte {
	dst = protowire.AppendTag(dst, entryKey, protowire.BytesType)
	dst = protowire.AppendString(dst, string(e.Key))
	var encoding v8value.Encoding
	dst = appendNested(dst, entryValue, func(dst []byte) []byte {
		dst, encoding = v8value.AppendLoaded(dst, e.Value)
		return dst
	})
	dst = appendNumber(dst, entryEncoding, uint64(encoding))
	return appendNested(dst, entryStamp, func(dst []byte) []byte { return appendStamp(dst, e.Versionstamp) })
}

// appendFrame appends a frame of a watch, with the state of all its keys. That all of
// them have changed is what clients need to hear: Deno takes one that has not for one
// that was deleted.
func appendFrame(dst []byte, entries []kv.Entry) []byte {
	start := len(dst)
	dst = append(dst, ping...)
	dst = appendNumber(dst, frameStatus, uint64(datapath.SnapshotReadStatus_SR_SUCCESS))
	for i := range entries {
		dst = appendNested(dst, frameKeys, func(dst []byte) []byte { return appendKeyState(dst, &entries[i]) })
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-len(ping)))
	return dst
}

// ping is a frame of nothing: its length.
var ping = make([]byte, 4)

func appendKeyState(dst []byte, e *kv.Entry) []byte {
	dst = appendNumber(dst, frameChanged, 1)
	if !e.Exists() {
		return dst
	}
	return appendNested(dst, frameKeysEntry, func(dst []byte) []byte { return appendEntry(dst, e) })
}

func appendNumber(dst []byte, number protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), n)
}

// appendNested appends a field of which the length, which comes first, is known last.
func appendNested(dst []byte, number protowire.Number, content func([]byte) []byte) []byte {
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	start := len(dst)
	dst = content(dst)
	var length [binary.MaxVarintLen64]byte
	return slices.Insert(dst, start, length[:binary.PutUvarint(length[:], uint64(len(dst)-start))]...)
}

// entriesBytes is about what entries become.
func entriesBytes(entries []kv.Entry) (n int64) {
	for i := range entries {
		n += 64 + int64(len(entries[i].Key)+len(entries[i].Value))
	}
	return n
}

// appendStamp appends the 10 bytes that a versionstamp's digits stand for.
func appendStamp(dst []byte, v kv.Versionstamp) []byte {
	var digits [20]byte
	dst, _ = hex.AppendDecode(dst, digits[:copy(digits[:], v)]) // ours is valid
	return dst
}

// parseStamp is the other way round; none is "".
func parseStamp(raw []byte) (kv.Versionstamp, error) {
	const size = 10
	if len(raw) != 0 && len(raw) != size {
		return "", route.InvalidArgument("invalid versionstamp: it has %d bytes, want %d or none", len(raw), size)
	}
	return kv.Versionstamp(hex.EncodeToString(raw)), nil
}
