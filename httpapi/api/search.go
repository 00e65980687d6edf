package api

// Index is a full-text index over the values of the entries at and below a prefix: the body
// of POST /indexes.
type Index struct {
	Prefix Key `json:"prefix"`
	// Fields are what it holds of each value: paths as in filters. Place makes them for
	// names with dots or brackets.
	Fields   []string  `json:"fields"`
	Tokenize Tokenizer `json:"tokenize,omitzero"` // "": TokenizeUnicode
}

// Tokenizer is how an index makes words of a text.
type Tokenizer string

// The tokenizers.
const (
	TokenizeUnicode Tokenizer = "unicode61" // words of every script, without regard to case and accents
	TokenizePorter  Tokenizer = "porter"    // the same, and English words by their stems
	TokenizeASCII   Tokenizer = "ascii"     // folds the case of ASCII letters only
)

// IndexStatus is an index and how far it is built: an element of the answer to GET /indexes.
type IndexStatus struct {
	Index
	State   IndexState `json:"state"`
	Indexed int64      `json:"indexed"` // entries so far
}

// IndexState says whether an index can be searched.
type IndexState string

// The states of an index.
const (
	StateBuilding IndexState = "building"
	StateReady    IndexState = "ready"
)

// DropIndexRequest is the body of DELETE /indexes.
type DropIndexRequest struct {
	Prefix Key `json:"prefix"`
}

// SearchRequest is the body of POST /search, answered with an []Found, the best first.
type SearchRequest struct {
	Prefix Key `json:"prefix"` // at or below that of an index
	// Query is words, a phrase in quotes, run*, AND, OR, NOT, NEAR and field filters:
	// docs/search.md.
	Query       string      `json:"query"`
	Start       Key         `json:"start,omitzero"`     // inclusive, at or below Prefix
	End         Key         `json:"end,omitzero"`       // exclusive, at or below Prefix
	Limit       int         `json:"limit,omitzero"`     // 0: 100; above 1,000 means 1,000
	Reverse     bool        `json:"reverse,omitzero"`   // the worst first
	Where       Where       `json:"where,omitzero"`     // what the entries must match, too
	Highlight   bool        `json:"highlight,omitzero"` // fills Found.Highlight
	Consistency Consistency `json:"consistency,omitzero"`
}

// Found is an entry that a search has found.
type Found struct {
	Entry
	// Highlight is the best part of the indexed text as HTML, the words that were found
	// between <mark> and </mark>; "" unless asked for.
	Highlight string `json:"highlight,omitzero"`
}
