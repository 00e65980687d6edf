package api

import "encoding/json"

// Consistency says where a read reads.
type Consistency string

const (
	// Session reads the replica, unless that is older than what this node has
	// answered or than HeaderMinVersionstamp.
	Session Consistency = "session"
	// Strong reads the primary.
	Strong Consistency = "strong"
	// Eventual reads the replica as it is.
	Eventual Consistency = "eventual"
)

// Entry is a key with its value, or a missing key: then Versionstamp is empty and
// Value is null. A key whose value is null has a Versionstamp.
type Entry struct {
	Key          Key             `json:"key"`
	Value        json.RawMessage `json:"value"`
	Versionstamp Versionstamp    `json:"versionstamp"`
	ExpiresAt    int64           `json:"expiresAt,omitzero"` // Unix ms by the database's clock; 0: never
}

// Exists reports whether the key exists.
func (e Entry) Exists() bool { return e.Versionstamp != "" }

// PutResult answers PUT /keys/{key}.
type PutResult struct {
	OK           bool         `json:"ok"`
	Versionstamp Versionstamp `json:"versionstamp"`
}

// BatchRequest is the body of POST /keys/batch, answered with an []Entry in the
// order of Keys.
type BatchRequest struct {
	Keys        []Key       `json:"keys"` // 1 to 1,000, duplicates allowed
	Consistency Consistency `json:"consistency,omitzero"`
}

// ListRequest is the body of POST /keys/list, answered with an []Entry.
type ListRequest struct {
	Prefix      Key         `json:"prefix,omitzero"` // lists what is strictly below it; nil: everything
	Start       Key         `json:"start,omitzero"`  // inclusive, at or below Prefix
	End         Key         `json:"end,omitzero"`    // exclusive, at or below Prefix
	Limit       int         `json:"limit,omitzero"`  // 0: 100; above 1,000 means 1,000
	Reverse     bool        `json:"reverse,omitzero"`
	Where       Where       `json:"where,omitzero"` // what the entries must match; Limit counts those
	Consistency Consistency `json:"consistency,omitzero"`
}

// PaginateRequest is the body of POST /keys/paginate, answered with a Page.
type PaginateRequest struct {
	ListRequest
	Cursor string `json:"cursor,omitzero"` // Page.Cursor of a request that is otherwise the same
}

// Page is a stretch of a list.
type Page struct {
	Entries []Entry `json:"entries"`
	Cursor  *string `json:"cursor"` // opaque; nil at the end
	HasMore bool    `json:"hasMore"`
}

// CountRequest is the body of POST /keys/count. Its members are as in ListRequest.
type CountRequest struct {
	Prefix      Key         `json:"prefix,omitzero"`
	Start       Key         `json:"start,omitzero"`
	End         Key         `json:"end,omitzero"`
	Where       Where       `json:"where,omitzero"`
	Consistency Consistency `json:"consistency,omitzero"`
}

// CountResult answers POST and GET /keys/count.
type CountResult struct {
	Count int64 `json:"count"`
}

// DeleteKeyRequest is the optional body of DELETE /keys/{key}.
type DeleteKeyRequest struct {
	Exact *bool `json:"exact,omitempty"` // nil: as the dialect has it
	Where Where `json:"where,omitzero"`  // deletes what matches at and below the key
}

// DeleteKeysRequest is the body of DELETE /keys and of POST /keys/delete-batch.
type DeleteKeysRequest struct {
	Keys  []Key `json:"keys,omitzero"`
	Exact bool  `json:"exact,omitzero"` // just the keys, not what is below them
	Where Where `json:"where,omitzero"`
}

// DeleteResult answers every delete of keys.
type DeleteResult struct {
	Success      bool  `json:"success"`
	DeletedCount int64 `json:"deletedCount"`
}
