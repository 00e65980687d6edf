package keys

import (
	"context"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

// Guard lets a call reach of a store what its grant reaches. What a request names beyond
// that is refused before the store is asked, so that nobody learns whether it is there.
func Guard(store Store) access.Guarded[Store] {
	return access.Guard(func(g *access.Grant) Store {
		if g.Prefixes() == nil && g.Has(access.Read) {
			return store
		}
		return &guarded{store, g}
	})
}

type guarded struct {
	store Store
	grant *access.Grant
}

func (s *guarded) Get(ctx context.Context, keys []kv.Key, opts kv.ReadOptions) ([]kv.Entry, kv.Versionstamp, error) {
	if err := wire.ReachAll(s.grant, keys); err != nil {
		return nil, "", err
	}
	return s.store.Get(ctx, keys, opts)
}

func (s *guarded) List(ctx context.Context, sel kv.Selector, opts kv.ReadOptions) (kv.Page, error) {
	if err := wire.ReachRange(s.grant, sel.Range); err != nil {
		return kv.Page{}, err
	}
	return s.store.List(ctx, sel, opts)
}

func (s *guarded) Count(ctx context.Context, r kv.Range, where *filter.Filter, opts kv.ReadOptions) (int64, kv.Versionstamp, error) {
	if err := wire.ReachRange(s.grant, r); err != nil {
		return 0, "", err
	}
	return s.store.Count(ctx, r, where, opts)
}

func (s *guarded) Atomic(ctx context.Context, req kv.AtomicRequest) (kv.AtomicResult, error) {
	if err := s.reachAtomic(&req); err != nil {
		return kv.AtomicResult{}, err
	}
	return s.store.Atomic(ctx, req)
}

// reachAtomic leaves the parts to the guards of those who have made them.
func (s *guarded) reachAtomic(req *kv.AtomicRequest) error {
	for i := range req.Checks {
		if err := wire.Reach(s.grant, req.Checks[i].Key); err != nil {
			return err
		}
	}
	for i := range req.Mutations {
		// A key that the commit completes is below what it has so far.
		if err := wire.Reach(s.grant, req.Mutations[i].Key); err != nil {
			return err
		}
	}
	return nil
}

// Delete by a filter needs the scope of reading, too: how many entries it deletes tells
// what their values are.
func (s *guarded) Delete(ctx context.Context, req kv.DeleteRequest) (kv.DeleteResult, error) {
	if req.Where != nil {
		if err := s.grant.Need(access.Read); err != nil {
			return kv.DeleteResult{}, err
		}
	}
	if err := wire.ReachAll(s.grant, req.Keys); err != nil {
		return kv.DeleteResult{}, err
	}
	for _, r := range req.Ranges {
		if err := wire.ReachRange(s.grant, r); err != nil {
			return kv.DeleteResult{}, err
		}
	}
	return s.store.Delete(ctx, req)
}

// Transaction needs the scope of what it reads, too; the route has asked for that of
// writing.
func (s *guarded) Transaction(ctx context.Context, req kv.TransactionRequest) (kv.TransactionResult, error) {
	if err := s.reachReads(req.Reads); err != nil {
		return kv.TransactionResult{}, err
	}
	if err := s.reachAtomic(&req.AtomicRequest); err != nil {
		return kv.TransactionResult{}, err
	}
	return s.store.Transaction(ctx, req)
}

func (s *guarded) reachReads(reads []kv.Read) error {
	if len(reads) == 0 {
		return nil
	}
	if err := s.grant.Need(access.Read); err != nil {
		return err
	}
	for _, read := range reads {
		if err := s.reachRead(read); err != nil {
			return err
		}
	}
	return nil
}

func (s *guarded) reachRead(read kv.Read) error {
	if read.List == nil {
		return wire.Reach(s.grant, read.Key)
	}
	return wire.ReachRange(s.grant, read.List.Range)
}
