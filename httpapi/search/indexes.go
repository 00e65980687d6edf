package search

import (
	"context"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
)

// Indexes are the full-text indexes behind the routes. *search.Indexes of kv/search
// implements it. Methods are called concurrently; their errors wrap the sentinels of
// wire.Errors, of kv/search or of the database.
type Indexes interface {
	Create(context.Context, search.Definition) (search.Index, kv.Versionstamp, error)
	List(context.Context, kv.ReadOptions) ([]search.Index, kv.Versionstamp, error)
	Drop(ctx context.Context, prefix kv.Key) (kv.Versionstamp, error)
	// Search finds entries by relevance, and returns the snapshot's position.
	Search(context.Context, search.Query, kv.ReadOptions) ([]search.Match, kv.Versionstamp, error)
}

var _ Indexes = (*search.Indexes)(nil)
