package api

import "encoding/json"

// AtomicRequest is the body of POST /atomic: at most 1,000 checks, 1,000
// mutations and enqueues together, and 4 MiB.
type AtomicRequest struct {
	Checks    []Check          `json:"checks,omitzero"`
	Mutations []Mutation       `json:"mutations,omitzero"`
	Enqueue   []EnqueueRequest `json:"enqueue,omitzero"`
}

// Check holds if the key has this versionstamp, or with an empty one if the key
// does not exist.
type Check struct {
	Key          Key          `json:"key"`
	Versionstamp Versionstamp `json:"versionstamp"`
}

// MutationType is what a Mutation does.
type MutationType string

// The types of mutations.
const (
	MutationSet     MutationType = "set"
	MutationDelete  MutationType = "delete" // of exactly the key
	MutationSum     MutationType = "sum"    // Value: an integer as number, numeric string, bigint or u64
	MutationMin     MutationType = "min"    // likewise
	MutationMax     MutationType = "max"    // likewise
	MutationAppend  MutationType = "append" // Value: an array
	MutationPrepend MutationType = "prepend"
)

// Mutation changes one key. In a set, {"$now":true} in Value becomes the
// transaction's time in ms.
type Mutation struct {
	Type     MutationType    `json:"type"`
	Key      Key             `json:"key"`
	Value    json.RawMessage `json:"value,omitempty"`   // nil for a delete
	ExpireIn int64           `json:"expireIn,omitzero"` // ms, 1 to 2,147,483,647; 0: never
}

// AtomicResult answers POST /atomic. If OK is false, a check failed, Conflicts
// says which, and nothing was written.
type AtomicResult struct {
	OK           bool         `json:"ok"`
	Versionstamp Versionstamp `json:"versionstamp,omitzero"`
	IDs          []string     `json:"ids,omitzero"` // of the enqueued messages, in order
	Conflicts    []Conflict   `json:"conflicts,omitzero"`
}

// Conflict is a key that was not as it had to be, with the versionstamp that it
// has, empty if it does not exist.
type Conflict struct {
	Key          Key          `json:"key"`
	Versionstamp Versionstamp `json:"versionstamp"`
}
