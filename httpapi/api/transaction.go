package api

import (
	"bytes"
	"encoding/json"
)

// TransactionRequest is the body of POST /transaction. Limits are those of
// AtomicRequest.
type TransactionRequest struct {
	Reads []Read `json:"reads,omitzero"`
	// Snapshot is the versionstamp of an earlier answer. The commit holds only if
	// nothing that Reads covers has changed or expired after it.
	Snapshot  Versionstamp     `json:"snapshot,omitzero"`
	Checks    []Check          `json:"checks,omitzero"`
	Mutations []Mutation       `json:"mutations,omitzero"`
	Enqueue   []EnqueueRequest `json:"enqueue,omitzero"`
}

// Read covers one key (Key only) or a range (the others, as in ListRequest).
type Read struct {
	Key     Key  `json:"key,omitzero"`
	Prefix  Key  `json:"prefix,omitzero"` // Key{}, not nil, with no bounds: everything
	Start   Key  `json:"start,omitzero"`
	End     Key  `json:"end,omitzero"`
	Limit   int  `json:"limit,omitzero"`
	Reverse bool `json:"reverse,omitzero"`
}

// Why a transaction did not commit.
const (
	TransactionConflict       = "conflict"         // a read or check did not hold: TransactionResult.Conflicts
	TransactionSnapshotTooOld = "snapshot_too_old" // older than the change log keeps
)

// TransactionResult answers POST /transaction. If OK is false, Error says why and
// nothing was written.
type TransactionResult struct {
	OK bool `json:"ok"`
	// Versionstamp is that of the commit, or with only reads that of the snapshot.
	Versionstamp Versionstamp `json:"versionstamp,omitzero"`
	Reads        []ReadResult `json:"reads,omitzero"` // in the order of the request
	IDs          []string     `json:"ids,omitzero"`
	Error        string       `json:"error,omitzero"`
	Conflicts    []Conflict   `json:"conflicts,omitzero"`
}

// ReadResult is what one Read found: an entry in JSON, or an array of them.
type ReadResult struct {
	Entry   *Entry  // of a read of one key; nil for a range
	Entries []Entry // of a range
}

// MarshalJSON writes the entry or the array.
func (r ReadResult) MarshalJSON() ([]byte, error) {
	if r.Entry != nil {
		return json.Marshal(r.Entry)
	}
	if r.Entries == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(r.Entries)
}

// UnmarshalJSON parses an entry or an array of entries.
func (r *ReadResult) UnmarshalJSON(raw []byte) error {
	*r = ReadResult{}
	if bytes.HasPrefix(raw, []byte("[")) {
		return json.Unmarshal(raw, &r.Entries)
	}
	return json.Unmarshal(raw, &r.Entry)
}
