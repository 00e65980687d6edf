// Package search keeps full-text indexes over entries and searches them.
package search

import (
	"context"
	"errors"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

var (
	// ErrNoIndex is returned for a search where there is no index. It wraps kv.ErrNotFound.
	ErrNoIndex = errors.New("no index")
	// ErrBuilding is returned for a search in an index that does not have all entries yet.
	ErrBuilding = errors.New("the index is being built")
)

// A Definition says what an index holds: the fields of the entries at and below a prefix.
type Definition struct {
	Prefix   kv.Key
	Fields   []string // paths, as filter.ParsePath takes them
	Tokenize string   // unicode61, porter or ascii
}

// An Index is a definition and how far it is built.
type Index struct {
	Definition
	Ready   bool
	Indexed int64 // entries so far
}

// A Query asks for entries.
type Query struct {
	Prefix    kv.Key // at or below the index's
	Text      string
	Range     kv.Range
	Limit     int
	Reverse   bool
	Where     *filter.Filter
	Highlight bool
	// Reaches tells whether an index over a prefix may be used; nil for all.
	Reaches func(prefix kv.Key) bool
}

// A Match is an entry that was found.
type Match struct {
	kv.Entry
	// Highlight is HTML: the best snippet, its words between <mark> and </mark>.
	Highlight string
}

// Indexes are the full-text indexes of a database. It is safe for concurrent use.
type Indexes struct{ db *sqldb.DB }

// New makes Indexes on an open database.
func New(db *sqldb.DB) *Indexes { return &Indexes{db} }

// Create makes an index, or nothing if there is the same already; another one over the
// same prefix is replaced. A small index is ready at once.
func (x *Indexes) Create(context.Context, Definition) (Index, error) { return Index{}, nil }

// List returns all indexes in the order of their prefixes.
func (x *Indexes) List(context.Context, kv.ReadOptions) ([]Index, error) { return nil, nil }

// Drop removes the index over a prefix and tells whether there was one.
func (x *Indexes) Drop(context.Context, kv.Key) (bool, error) { return false, nil }

// Search finds entries by relevance, and returns the snapshot's position.
func (x *Indexes) Search(context.Context, Query, kv.ReadOptions) ([]Match, kv.Versionstamp, error) {
	return nil, "", ErrNoIndex
}

// Build goes on with indexes that are being built or dropped, until that is done.
// epoch is the leader's, 0 for none.
func (x *Indexes) Build(ctx context.Context, epoch int64) error { return nil }
