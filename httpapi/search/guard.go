package search

import (
	"context"
	"slices"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
)

// Guard lets a call reach the indexes that hold nothing but what its grant reaches. To a
// grant that is bound the others are not there: not even to search them for what it does
// reach, because the order of matches tells of all documents.
func Guard(indexes Indexes) access.Guarded[Indexes] {
	return access.Guard(func(g *access.Grant) Indexes {
		if g.Prefixes() == nil {
			return indexes
		}
		return &guarded{indexes, g}
	})
}

type guarded struct {
	indexes Indexes
	grant   *access.Grant
}

func (x *guarded) reaches(prefix kv.Key) bool { return wire.Reach(x.grant, prefix) == nil }

func (x *guarded) Create(ctx context.Context, d search.Definition) (search.Index, kv.Versionstamp, error) {
	if err := wire.Reach(x.grant, d.Prefix); err != nil {
		return search.Index{}, "", err
	}
	return x.indexes.Create(ctx, d)
}

func (x *guarded) Drop(ctx context.Context, prefix kv.Key) (kv.Versionstamp, error) {
	if err := wire.Reach(x.grant, prefix); err != nil {
		return "", err
	}
	return x.indexes.Drop(ctx, prefix)
}

func (x *guarded) List(ctx context.Context, opts kv.ReadOptions) ([]search.Index, kv.Versionstamp, error) {
	all, position, err := x.indexes.List(ctx, opts)
	return slices.DeleteFunc(all, func(i search.Index) bool { return !x.reaches(i.Prefix) }), position, err
}

func (x *guarded) Search(ctx context.Context, q search.Query, opts kv.ReadOptions) ([]search.Match, kv.Versionstamp, error) {
	// The range may be empty, and an empty one is within everything.
	if err := wire.Reach(x.grant, q.Prefix); err != nil {
		return nil, "", err
	}
	if err := wire.ReachRange(x.grant, q.Range); err != nil {
		return nil, "", err
	}
	q.Reaches = x.reaches
	return x.indexes.Search(ctx, q, opts)
}
