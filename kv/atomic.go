package kv

import (
	"slices"

	"github.com/buntime/keyval/internal/sqldb"
)

// A Check holds if the entry has exactly this versionstamp; "" means that
// there must be no entry.
type Check struct {
	Key          Key
	Versionstamp Versionstamp
	// Precondition, if not nil, is what must hold instead.
	Precondition *Precondition
}

// holds tells whether the check holds for a row. That of an operation of the same
// group has a versionstamp that nobody can know.
func (c *Check) holds(row *entryRow) bool {
	var found Versionstamp
	if row != nil {
		found = row.versionstamp
	}
	switch {
	case c.Precondition != nil:
		return c.Precondition.Holds(row != nil, found)
	case row == nil:
		return c.Versionstamp == ""
	}
	return found != "" && found == c.Versionstamp
}

// A Precondition is a condition on an entry as HTTP has it.
type Precondition struct {
	// Match, if not nil, must have the entry's version.
	Match *Versions
	// NoneMatch, if not nil, must not have it.
	NoneMatch *Versions
}

// Holds tells whether the precondition holds for an entry.
func (p *Precondition) Holds(exists bool, v Versionstamp) bool {
	return (p.Match == nil || p.Match.have(exists, v)) && (p.NoneMatch == nil || !p.NoneMatch.have(exists, v))
}

// Versions are versions of an entry that exists.
type Versions struct {
	Any           bool // all versions
	Versionstamps []Versionstamp
}

func (vs *Versions) have(exists bool, v Versionstamp) bool {
	return exists && (vs.Any || slices.Contains(vs.Versionstamps, v))
}

// A Part joins an operation from another package: messages to enqueue.
type Part = sqldb.Part

// An AtomicRequest is one operation: all of its checks are made against one
// state, then its mutations apply in order, then its parts; all or nothing.
type AtomicRequest struct {
	Checks    []Check
	Mutations []Mutation
	Parts     []Part
	// Idempotency makes a repetition answer as the first time did; nil for
	// none.
	Idempotency *Idempotency
}

// An AtomicResult tells what became of an operation.
type AtomicResult struct {
	// OK is false when a check did not hold; then nothing was written.
	OK bool
	// Versionstamp is that of the operation, if OK.
	Versionstamp Versionstamp
	// Conflicts are the checked keys that were not as expected, with the
	// versionstamp that they have ("" for none).
	Conflicts []Check
	// Deleted counts the entries that the delete mutations removed.
	Deleted int64
	// Replayed is the answer kept for this idempotency key, or nil if the
	// operation has been carried out now.
	Replayed []byte
	// Kept is the answer that has been kept now for an idempotency key; nil
	// without one.
	Kept []byte
}

// Idempotency ties an operation to a key that its caller chose. It holds for a day, by the
// database's clock, unless a million newer ones come before.
type Idempotency struct {
	// Caller and Key together name the operation.
	Caller, Key string
	// Request is a digest of everything that must be the same the next
	// time: route, query, body. The same name with another digest is
	// ErrInvalidArgument.
	Request string
	// Answer renders what to keep: the JSON answer for an operation with
	// this versionstamp, which is a placeholder of the same length that the
	// database replaces when it commits. It must not be empty. An operation may
	// consist of nothing else: then of all who bring the name, on whichever node, the one
	// whose Replayed is nil was the first, and an answer that says whose it is tells so also
	// after an outcome that was unknown.
	Answer func(Versionstamp, AtomicResult) []byte
}
