package kv

import (
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
)

// A Mutation changes one key.
type Mutation struct {
	Type MutationType
	Key  Key
	// Suffix asks for the commit's versionstamp as one more string part at
	// the end of Key. Only with MutationSet.
	Suffix bool
	// Value is what a type of FormJSON writes, or the JSON array of one of FormArray, as
	// ParseValue returned it.
	Value []byte
	// Times is where the transaction's time belongs in the Value of
	// MutationSet, as ParseTimes found it; nil for nowhere.
	Times *Times
	// Operand is that of the types of FormInteger.
	Operand Integer
	// Compute is what MutationCompute does.
	Compute Compute
	// ExpireIn is in milliseconds from the transaction's time; 0 means that
	// the entry will not expire.
	ExpireIn int64
	// ExpireAt, in Unix milliseconds, is ExpireIn for who knows the time itself; 0 for
	// none, and at most one of the two. Where the transaction's time has come to it, the
	// entry has expired as soon as it is written: nobody ever sees it but the mutations
	// after this one in its operation.
	ExpireAt int64
}

// Compute returns the value that a key takes, JSON text as ParseValue returns it, for
// the one that is stored, nil for none, which it must neither change nor keep. It may be
// called more than once, by another goroutine, and must return the same each time. It
// bounds the size of what it returns. Its error is that of the operation, of which
// nothing is written.
type Compute func(stored []byte) ([]byte, error)

// MutationType is what a mutation does to its key.
type MutationType int

// The mutation types. The zero MutationType is none.
const (
	MutationSet MutationType = iota + 1
	MutationDelete
	MutationSum
	MutationMin
	MutationMax
	MutationAppend
	MutationPrepend
	// MutationCompute is for other protocols than REST, which computes in its own ways.
	MutationCompute
)

// mutationKinds is the one table of mutation types. Whoever reads or describes
// mutations goes by it: REST by the rows with a name, which come first.
var mutationKinds = [...]mutationKind{
	{Type: MutationSet, Name: "set", Form: FormJSON},
	{Type: MutationDelete, Name: "delete", Form: FormNone, looksAt: itsVersion},
	{Type: MutationSum, Name: "sum", Form: FormInteger, looksAt: wholeEntry,
		apply: integers(Sum), applyTimed: timedInteger},
	{Type: MutationMin, Name: "min", Form: FormInteger, looksAt: wholeEntry,
		apply: integers(Min), applyTimed: timedInteger},
	{Type: MutationMax, Name: "max", Form: FormInteger, looksAt: wholeEntry,
		apply: integers(Max), applyTimed: timedInteger},
	{Type: MutationAppend, Name: "append", Form: FormArray, looksAt: wholeEntry,
		apply: arrays(Append), applyTimed: timedAppend},
	{Type: MutationPrepend, Name: "prepend", Form: FormArray, looksAt: wholeEntry,
		apply: arrays(Prepend), applyTimed: timedPrepend},
	{Type: MutationCompute, looksAt: wholeEntry, apply: computed},
}

// A mutationKind is one row.
type mutationKind struct {
	Type MutationType
	Name string // on the wire of REST; "" for one that is none of its
	Form Form
	// looksAt is what it has to see of the stored entry.
	looksAt look
	// apply is the value that it makes of the stored one; nil for set and delete,
	// which go by no value.
	apply func(m *Mutation, stored []byte, maxBytes int) ([]byte, error)
	// applyTimed is apply for a stored value in which times are not known before its
	// group has committed, and what of them is left. Nil: it waits for that, and is
	// refused in the operation that stores them.
	applyTimed func(m *Mutation, stored []byte, times *Times, maxBytes int) ([]byte, *Times, error)
}

// Form is what the value of a mutation has to be.
type Form int

// The forms.
const (
	FormNone    Form = iota + 1 // there is none, and no time to live
	FormJSON                    // any JSON
	FormInteger                 // a number, a numeric string, a bigint or a u64: ParseOperand
	FormArray                   // CheckElements
)

type look int

const (
	nothing    look = iota
	itsVersion      // all that a delete goes by
	wholeEntry
)

// MutationTypes are the names of all types that have one, in the order of the table.
func MutationTypes() []string {
	var names []string
	for i := range mutationKinds {
		if name := mutationKinds[i].Name; name != "" {
			names = append(names, name)
		}
	}
	return names
}

// ParseMutationType is the type of that name.
func ParseMutationType(name string) (t MutationType, ok bool) {
	for i := range mutationKinds {
		if mutationKinds[i].Name == name && name != "" {
			return mutationKinds[i].Type, true
		}
	}
	return 0, false
}

// Form is what the value has to be; 0 for a type that has no name.
func (t MutationType) Form() Form { return t.kind().Form }

func (t MutationType) kind() *mutationKind {
	for i := range mutationKinds {
		if mutationKinds[i].Type == t {
			return &mutationKinds[i]
		}
	}
	return &mutationKind{}
}

func (m *Mutation) kind() *mutationKind { return m.Type.kind() }

// Apply is the value that a mutation makes of a stored one, empty for none, without
// group or database. Its type is one of FormInteger or FormArray.
func (m *Mutation) Apply(stored []byte, maxBytes int) ([]byte, error) {
	return m.kind().apply(m, stored, maxBytes)
}

// compute is apply to a row, nil for none, that operations of the group may have
// written, even operation op itself.
func (k *mutationKind) compute(m *Mutation, row *entryRow, op, maxBytes int) ([]byte, *Times, error) {
	switch {
	case row == nil:
		value, err := k.apply(m, nil, maxBytes)
		return value, nil, err
	case row.times == nil:
		value, err := k.apply(m, row.value, maxBytes)
		return value, nil, err
	case k.applyTimed != nil:
		return k.applyTimed(m, row.value, row.times, maxBytes)
	case row.timedBy == op:
		return nil, nil, fmt.Errorf("%w: it needs the time that the operation itself sets", ErrInvalidArgument)
	}
	return nil, nil, sqldb.ErrNextGroup
}

func computed(m *Mutation, stored []byte, _ int) ([]byte, error) {
	if m.Compute == nil {
		return nil, fmt.Errorf("%w: there is nothing to compute with", ErrInvalidArgument)
	}
	return m.Compute(stored)
}

func integers(f func(stored []byte, operand Integer) ([]byte, error)) func(*Mutation, []byte, int) ([]byte, error) {
	return func(m *Mutation, stored []byte, _ int) ([]byte, error) {
		if m.Operand.n == nil {
			return nil, errNoOperand()
		}
		return f(stored, m.Operand)
	}
}

func arrays(f func(stored, elements []byte, maxBytes int) ([]byte, error)) func(*Mutation, []byte, int) ([]byte, error) {
	return func(m *Mutation, stored []byte, maxBytes int) ([]byte, error) {
		return f(stored, m.Value, maxBytes)
	}
}

func timedInteger(m *Mutation, stored []byte, times *Times, _ int) ([]byte, *Times, error) {
	if m.Operand.n == nil {
		return nil, nil, errNoOperand()
	}
	return times.combine(stored, m.Type, m.Operand)
}

func timedAppend(m *Mutation, stored []byte, times *Times, maxBytes int) ([]byte, *Times, error) {
	joined, err := Append(stored, m.Value, maxBytes)
	return joined, times, err
}

func timedPrepend(m *Mutation, stored []byte, times *Times, maxBytes int) ([]byte, *Times, error) {
	joined, err := Prepend(stored, m.Value, maxBytes)
	return joined, times.shifted(len(joined) - len(stored)), err
}
