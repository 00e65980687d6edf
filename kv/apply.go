package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
)

// errNotCommitted ends an operation whose checks did not hold, or that has
// been carried out before.
var errNotCommitted = errors.New("the operation does not commit")

// Atomic carries out one operation. Where its checks do not hold, the result
// is not OK and err is nil; a mutation that cannot apply is an error, and
// nothing is written either way.
func (s *Store) Atomic(ctx context.Context, req AtomicRequest) (AtomicResult, error) {
	a := &atomicOp{store: s, req: &req}
	return a.do(ctx, &sqldb.Op{})
}

// An atomicOp is an operation under way.
type atomicOp struct {
	store *Store
	req   *AtomicRequest

	// look is what a transaction does before the checks, nil for nothing: it may add
	// conflicts, or set tooOld.
	look   func(*sqldb.Tx) error
	tooOld bool

	result AtomicResult
	// pending are the conflicts with an entry that an operation of the same
	// group has written: by place in result.Conflicts, its number.
	pending map[int]int
	replay  *keptAnswer
	kept    *keptAnswer // staged

	committed sqldb.Commit
}

func (a *atomicOp) do(ctx context.Context, op *sqldb.Op) (AtomicResult, error) {
	op.Name, op.Apply, op.Bytes = "atomic", a.apply, a.req.size()
	whole, heads := a.reads()
	op.Reads, op.Heads = append(op.Reads, whole...), heads
	commit, err := a.store.db.Do(ctx, op)
	switch {
	case errors.Is(err, errNotCommitted):
		return a.complete(ctx, commit)
	case err != nil:
		return AtomicResult{}, Failure(err)
	}
	a.committed = commit
	a.result.OK, a.result.Versionstamp = true, Versionstamp(commit.Versionstamp())
	if a.kept != nil {
		_, a.result.Kept = a.kept.answered(a.kept.answer, commit)
	}
	for _, p := range a.req.Parts {
		p.Committed(commit)
	}
	return a.result, nil
}

// complete fills in what was known only once the group had committed.
func (a *atomicOp) complete(ctx context.Context, commit sqldb.Commit) (AtomicResult, error) {
	for i, op := range a.pending {
		a.result.Conflicts[i].Versionstamp = Versionstamp(commit.At(op))
	}
	if a.replay != nil {
		whole, err := a.store.wholeAnswer(ctx, a.req.Idempotency.id(), a.replay)
		if err != nil {
			return AtomicResult{}, err
		}
		a.result.OK = true
		a.result.Versionstamp, a.result.Replayed = a.replay.answered(whole, commit)
	}
	return a.result, nil
}

// reads are the rows that the operation looks at, and those of which it needs no
// value: a check and a delete go by the version. A set looks at nothing.
func (a *atomicOp) reads() (whole, heads []sqldb.Ref) {
	for _, c := range a.req.Checks {
		heads = append(heads, entries.Ref(string(c.Key)))
	}
	for i := range a.req.Mutations {
		m := &a.req.Mutations[i]
		switch ref := entries.Ref(string(m.Key)); m.kind().looksAt {
		case wholeEntry:
			whole = append(whole, ref)
		case itsVersion:
			heads = append(heads, ref)
		}
	}
	if a.req.Idempotency != nil {
		whole = append(whole, a.req.Idempotency.ref())
	}
	for _, p := range a.req.Parts {
		whole = append(whole, p.Reads()...)
	}
	return whole, heads
}

// size is about how many bytes the operation stages.
func (req *AtomicRequest) size() int {
	n := 64
	for _, m := range req.Mutations {
		n += 128 + 2*len(m.Key) + len(m.Value)
	}
	for _, p := range req.Parts {
		n += p.Bytes()
	}
	if req.Idempotency != nil {
		n += keptRowBytes
	}
	return n + 64*len(req.Checks)
}

func (a *atomicOp) apply(tx *sqldb.Tx) error {
	a.result, a.pending, a.replay, a.kept = AtomicResult{}, nil, nil, nil
	if row, err := a.req.Idempotency.find(tx); err != nil {
		return err
	} else if row != nil {
		a.replay = row
		return errNotCommitted
	}
	if a.look != nil {
		if err := a.look(tx); err != nil {
			return err
		}
	}
	if err := a.check(tx); err != nil {
		return err
	}
	if a.tooOld || len(a.result.Conflicts) > 0 {
		return errNotCommitted
	}
	for i := range a.req.Mutations {
		if err := a.mutate(tx, &a.req.Mutations[i]); err != nil {
			return fmt.Errorf("mutations[%d]: %w", i, err)
		}
	}
	for _, p := range a.req.Parts {
		if err := p.Apply(tx); err != nil {
			return err
		}
	}
	var err error
	a.kept, err = a.req.Idempotency.keep(tx, a.result)
	return err
}

// check collects the checks that do not hold.
func (a *atomicOp) check(tx *sqldb.Tx) error {
	for i := range a.req.Checks {
		c := &a.req.Checks[i]
		row, err := seen(tx, c.Key)
		if err != nil {
			return err
		}
		if !c.holds(row) {
			a.conflict(c.Key, row)
		}
	}
	return nil
}

func (a *atomicOp) conflict(key Key, row *entryRow) {
	found := Check{Key: key}
	if row != nil {
		found.Versionstamp = row.versionstamp
		if row.versionstamp == "" {
			if a.pending == nil {
				a.pending = map[int]int{}
			}
			a.pending[len(a.result.Conflicts)] = row.op
		}
	}
	a.result.Conflicts = append(a.result.Conflicts, found)
}

func (a *atomicOp) mutate(tx *sqldb.Tx, m *Mutation) error {
	if m.ExpireIn != 0 && m.ExpireAt != 0 {
		return fmt.Errorf("%w: an entry expires once", ErrInvalidArgument)
	}
	switch m.Type {
	case MutationSet:
		stageSet(tx, m)
		return nil
	case MutationDelete:
		return a.remove(tx, m.Key)
	}
	return a.compute(tx, m)
}

func (a *atomicOp) remove(tx *sqldb.Tx, key Key) error {
	row, err := seen(tx, key)
	if row != nil {
		entries.Delete(tx, string(key))
		a.result.Deleted++
	}
	return err
}

// compute stages what a mutation makes of the stored value.
func (a *atomicOp) compute(tx *sqldb.Tx, m *Mutation) error {
	kind := m.kind()
	if kind.apply == nil {
		return fmt.Errorf("%w: there is no mutation type %d", ErrInvalidArgument, m.Type)
	}
	row, err := seen(tx, m.Key)
	if err != nil {
		return err
	}
	changed := entryRow{op: tx.Op(), expireIn: m.ExpireIn, expireAt: m.ExpireAt}
	if changed.value, changed.times, err = kind.compute(m, row, tx.Op(), a.store.cfg.MaxValueBytes); err != nil {
		return err
	}
	if row != nil {
		changed.timedBy = row.timedBy
	}
	entries.Put(tx, string(m.Key), changed)
	return nil
}
