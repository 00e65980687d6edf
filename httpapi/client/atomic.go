package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// ErrConflict is what an atomic operation or a transaction comes to when a check,
// or something that was read, is not as it had to be. Nothing was written. The
// error is a *ConflictError.
var ErrConflict = errors.New("conflict")

// ConflictError says which keys were not as they had to be.
type ConflictError struct {
	// Conflicts are the keys with the versionstamps that they have.
	Conflicts []api.Conflict
	// SnapshotTooOld: the change log no longer reaches back to a transaction's
	// snapshot, so nobody can tell whether it conflicts.
	SnapshotTooOld bool
}

func (e *ConflictError) Error() string {
	if e.SnapshotTooOld {
		return "conflict: the transaction's snapshot is older than the change log"
	}
	return fmt.Sprintf("conflict: %d keys are not as they had to be", len(e.Conflicts))
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Commit is what was committed.
type Commit struct {
	Versionstamp api.Versionstamp
	IDs          []string // of the enqueued messages, in order
}

// SetOption is a setting of a set in an atomic operation: ExpireIn.
type SetOption interface{ applySet(*api.Mutation) error }

func (o ExpireIn) applySet(m *api.Mutation) error {
	if o <= 0 {
		return errNotPositive
	}
	m.ExpireIn = millis(time.Duration(o))
	return nil
}

// Atomic collects checks and mutations for one commit: all checks are made against
// one state, then the mutations apply in order, then the messages are enqueued;
// all of it or nothing. Its methods return it, so that calls can be chained; an
// error in one of them is returned by Commit. It is for one goroutine.
type Atomic struct {
	client *Client
	checks []api.Check
	changes
}

// Atomic begins an atomic operation. Nothing is sent before Commit.
func (c *Client) Atomic() *Atomic { return &Atomic{client: c} }

// Check demands that key has this versionstamp; "" demands that it does not exist.
func (a *Atomic) Check(key api.Key, versionstamp api.Versionstamp) *Atomic {
	a.checks = append(a.checks, api.Check{Key: key, Versionstamp: versionstamp})
	return a
}

// CheckEntry demands that an entry is still as it was read, or still missing.
func (a *Atomic) CheckEntry(e api.Entry) *Atomic { return a.Check(e.Key, e.Versionstamp) }

// Set stores value. The last part of key may be api.CommitVersionstamp{}.
func (a *Atomic) Set(key api.Key, value any, opts ...SetOption) *Atomic {
	a.set(key, value, opts)
	return a
}

// Delete removes exactly key.
func (a *Atomic) Delete(key api.Key) *Atomic {
	a.delete(key)
	return a
}

// Sum adds n to the integer at key, whose form, plain, bigint or u64, is kept; a
// missing key counts as 0. What it makes of a plain number must stay within ±(2^53−1),
// and of a u64 within 0 and 2^64−1, else the error Is api.OutOfRange; Mutate takes a
// bigint, which goes beyond a plain number's.
func (a *Atomic) Sum(key api.Key, n int64) *Atomic {
	a.integer(api.MutationSum, key, n)
	return a
}

// Min stores n unless the integer at key is less.
func (a *Atomic) Min(key api.Key, n int64) *Atomic {
	a.integer(api.MutationMin, key, n)
	return a
}

// Max stores n unless the integer at key is greater.
func (a *Atomic) Max(key api.Key, n int64) *Atomic {
	a.integer(api.MutationMax, key, n)
	return a
}

// Append adds values to the end of the array at key; a missing key counts as [].
func (a *Atomic) Append(key api.Key, values ...any) *Atomic {
	a.array(api.MutationAppend, key, values)
	return a
}

// Prepend adds values to the front of the array at key, in the order given.
func (a *Atomic) Prepend(key api.Key, values ...any) *Atomic {
	a.array(api.MutationPrepend, key, values)
	return a
}

// Mutate adds mutations in their wire form, such as a sum in bigint form.
func (a *Atomic) Mutate(mutations ...api.Mutation) *Atomic {
	a.mutations = append(a.mutations, mutations...)
	return a
}

// Enqueue adds a message to queue, "" for the default one.
func (a *Atomic) Enqueue(queue string, value any, opts ...MessageOption) *Atomic {
	a.enqueue(queue, value, opts)
	return a
}

// Commit carries the operation out. The error Is ErrConflict if a check failed.
func (a *Atomic) Commit(ctx context.Context, opts ...WriteOption) (Commit, error) {
	const op = "atomic"
	if a.err != nil {
		return Commit{}, fmt.Errorf("keyval: %s: %w", op, a.err)
	}
	call := call{op: op, path: "/atomic"}
	if err := a.client.makeCommitIdempotent(&call, opts, a.changes); err != nil {
		return Commit{}, err
	}
	req := api.AtomicRequest{Checks: a.checks, Mutations: a.mutations, Enqueue: a.messages}
	var result api.AtomicResult
	if err := a.client.post(ctx, call, req, &result); err != nil {
		return Commit{}, err
	}
	if !result.OK {
		return Commit{}, fmt.Errorf("keyval: %s: %w", op, &ConflictError{Conflicts: result.Conflicts})
	}
	return Commit{Versionstamp: result.Versionstamp, IDs: result.IDs}, nil
}

func (c *Client) makeCommitIdempotent(call *call, opts []WriteOption, writes changes) error {
	w := newWrite()
	for _, opt := range opts {
		opt.applyWrite(w)
	}
	if writes.none() {
		call.repeatable = true // it only checks or reads
	}
	return c.makeIdempotent(call, w.key, c.idempotency != IdempotencyOff && !writes.none())
}
