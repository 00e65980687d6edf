package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// maxTransactionRuns is how often RunTransaction runs its function. Conflicts that
// go on for longer than the delays between that many runs want another design.
const maxTransactionRuns = 20

// Transaction sends one request of reads, checks and writes against one snapshot.
// The error Is ErrConflict if it did not commit. RunTransaction is built on it.
func (c *Client) Transaction(ctx context.Context, req api.TransactionRequest, opts ...WriteOption) (api.TransactionResult, error) {
	call := call{op: "transaction", path: "/transaction", reads: true}
	writes := changes{mutations: req.Mutations, messages: req.Enqueue}
	if err := c.makeCommitIdempotent(&call, opts, writes); err != nil {
		return api.TransactionResult{}, err
	}
	var result api.TransactionResult
	if err := c.post(ctx, call, req, &result); err != nil {
		return api.TransactionResult{}, err
	}
	if !result.OK {
		return result, fmt.Errorf("keyval: transaction: %w", &ConflictError{
			Conflicts:      result.Conflicts,
			SnapshotTooOld: result.Error == api.TransactionSnapshotTooOld,
		})
	}
	if len(result.Reads) != len(req.Reads) {
		return result, fmt.Errorf("keyval: transaction: %w", &malformedError{
			fmt.Errorf("%d answers to %d reads", len(result.Reads), len(req.Reads)),
		})
	}
	return result, nil
}

// RunTransaction runs do and commits what it wrote, if nothing that it has read
// has changed meanwhile; otherwise it runs do again, up to 20 times with growing
// random delays, and then fails with ErrConflict. Transactions are serialisable:
// each has its effect as if no other ran at the same time. Nothing is locked.
//
// do sees one snapshot, that of its first read, and never its own writes. It must
// have no effects beside those on tx, for it may run several times. An error of do
// ends the transaction with nothing written, and is returned as it is.
//
// The commit has an idempotency key, see WithIdempotency. Without one a commit
// whose answer is lost is returned as an error: do is not run again then, since
// its writes may be there. With one, a transaction whose reads come to more than
// 16 MiB is refused as too large, for its answer would have to be kept.
func (c *Client) RunTransaction(ctx context.Context, do func(tx *Tx) error) (Commit, error) {
	delays := backoff{policy: c.retry, start: time.Now()}
	delays.policy.MaxAttempts = maxTransactionRuns
	for {
		tx := &Tx{ctx: ctx, client: c}
		commit, err := tx.run(do)
		if !errors.Is(err, ErrConflict) || !delays.wait(ctx, 0) {
			return commit, err
		}
	}
}

// Tx is one run of a transaction. It is for the function that it was given to,
// and for one goroutine.
type Tx struct {
	ctx      context.Context
	client   *Client
	snapshot api.Versionstamp // that of the first read
	reads    []api.Read
	stale    error // the conflict that a read has met
	changes
}

func (tx *Tx) run(do func(*Tx) error) (Commit, error) {
	err := do(tx)
	// A conflict that do has seen is one even if do made another error of it, or
	// none.
	switch {
	case tx.stale != nil:
		return Commit{}, tx.stale
	case err != nil:
		return Commit{}, err
	case tx.err != nil:
		return Commit{}, fmt.Errorf("keyval: transaction: %w", tx.err)
	case tx.none():
		return Commit{Versionstamp: tx.snapshot}, nil // all reads are of one snapshot
	}
	result, err := tx.client.Transaction(tx.ctx, api.TransactionRequest{
		Reads: tx.reads, Snapshot: tx.snapshot, Mutations: tx.mutations, Enqueue: tx.messages,
	})
	if err != nil {
		return Commit{}, err
	}
	return Commit{Versionstamp: result.Versionstamp, IDs: result.IDs}, nil
}

// Get reads one key. If it does not exist, the entry's Exists is false.
func (tx *Tx) Get(key api.Key) (api.Entry, error) {
	entries, err := tx.GetMany(key)
	if err != nil {
		return api.Entry{}, err
	}
	return entries[0], nil
}

// GetMany reads several keys in one request, in the order of keys.
func (tx *Tx) GetMany(keys ...api.Key) ([]api.Entry, error) {
	reads := make([]api.Read, len(keys))
	for i, key := range keys {
		reads[i] = api.Read{Key: key}
	}
	results, err := tx.read(reads)
	if err != nil {
		return nil, err
	}
	entries := make([]api.Entry, len(results))
	for i, result := range results {
		if result.Entry == nil {
			return nil, fmt.Errorf("keyval: transaction: %w", &malformedError{errors.New("a list for a key")})
		}
		entries[i] = *result.Entry
	}
	return entries, nil
}

// List reads a range. An entry that appears in it later is a conflict too.
func (tx *Tx) List(read api.Read) ([]api.Entry, error) {
	if read.Prefix == nil && read.Start == nil && read.End == nil {
		read.Prefix = api.Key{}
	}
	read.Key = nil
	results, err := tx.read([]api.Read{read})
	if err != nil {
		return nil, err
	}
	return results[0].Entries, nil
}

// read asks for more, on the condition that it has not changed since the first
// read: then all of it is as it was in one snapshot.
func (tx *Tx) read(reads []api.Read) ([]api.ReadResult, error) {
	if tx.stale != nil {
		return nil, tx.stale
	}
	result, err := tx.client.Transaction(tx.ctx, api.TransactionRequest{Reads: reads, Snapshot: tx.snapshot})
	if err != nil {
		if errors.Is(err, ErrConflict) {
			tx.stale = err
		}
		return nil, err
	}
	if tx.snapshot == "" {
		tx.snapshot = result.Versionstamp
	}
	tx.reads = append(tx.reads, reads...)
	return result.Reads, nil
}

// Set stores value. The last part of key may be api.CommitVersionstamp{}.
func (tx *Tx) Set(key api.Key, value any, opts ...SetOption) { tx.set(key, value, opts) }

// Delete removes exactly key.
func (tx *Tx) Delete(key api.Key) { tx.delete(key) }

// Sum adds n to the integer at key, without having to read it.
func (tx *Tx) Sum(key api.Key, n int64) { tx.integer(api.MutationSum, key, n) }

// Append adds values to the end of the array at key, without having to read it.
func (tx *Tx) Append(key api.Key, values ...any) { tx.array(api.MutationAppend, key, values) }

// Mutate adds mutations in their wire form.
func (tx *Tx) Mutate(mutations ...api.Mutation) { tx.mutations = append(tx.mutations, mutations...) }

// Enqueue adds a message to queue, "" for the default one.
func (tx *Tx) Enqueue(queue string, value any, opts ...MessageOption) {
	tx.enqueue(queue, value, opts)
}
