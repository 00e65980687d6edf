package keys

import (
	"context"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

// Store is the database behind the key routes. *kv.Store implements it.
//
// The context carries the operation's deadline. Errors wrap the sentinels of
// wire.Errors or of the database; any other error is a bug and answered with 500. Methods are called
// concurrently. The values of a mutation belong to the store from then on, those
// of entries to the caller.
type Store interface {
	// Get returns one entry for each key in request order, and the snapshot's
	// position. A missing key gives an entry that does not exist.
	Get(ctx context.Context, keys []kv.Key, opts kv.ReadOptions) ([]kv.Entry, kv.Versionstamp, error)
	// List reads from one snapshot. It stops early, with More set, at the byte
	// budget of an answer.
	List(ctx context.Context, sel kv.Selector, opts kv.ReadOptions) (kv.Page, error)
	Count(ctx context.Context, r kv.Range, where *filter.Filter, opts kv.ReadOptions) (int64, kv.Versionstamp, error)
	Atomic(ctx context.Context, req kv.AtomicRequest) (kv.AtomicResult, error)
	// Delete commits at most 1,000 keys at a time. With kv.ErrTimeout the result
	// says how far it came.
	Delete(ctx context.Context, req kv.DeleteRequest) (kv.DeleteResult, error)
	Transaction(ctx context.Context, req kv.TransactionRequest) (kv.TransactionResult, error)
}

var _ Store = (*kv.Store)(nil)
