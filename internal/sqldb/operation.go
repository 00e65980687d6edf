package sqldb

import (
	"context"
	"iter"
)

// An Op is one operation: it commits or fails as a whole.
//
// Apply may run more than once, each time on fresh rows, when another node
// was faster; it must do nothing but read and stage rows, and leave its
// findings where the caller of Do looks for them.
//
// Its functions run on a goroutine that all operations share: one that panics fails its
// operation alone.
type Op struct {
	// Name is the metrics' label: a few constants.
	Name string
	// Reads are the rows that Apply looks at.
	Reads []Ref
	// Heads are rows of which Apply looks only at what Guard compares, such as the
	// version of an entry: what else they hold is not fetched. See Table.FetchPart.
	Heads []Ref
	// Small are rows of which Apply looks at all, unless what can be large in them is.
	Small []Ref
	// Expect is what the caller believes one of Reads to be, such as a lock that
	// it was given; nil for nothing. The group takes its word for it, so that
	// nothing has to be read before the transaction, and finds out by the guard:
	// if it is not so, the rows are read and Apply runs again. Apply must not fail
	// for what it finds to be as expected.
	Expect *Expectation
	// Locked reads what cannot be named by key; nil for nothing.
	Locked *LockedRead
	// Apply stages the operation's rows. An error ends this operation alone,
	// with nothing of it staged. Nil if InSQL does everything.
	Apply func(*Tx) error
	// InSQL is what SQL computes; nil for nothing.
	InSQL *InSQL
	// Epoch, when not 0, makes the whole operation conditional on that leader
	// epoch.
	Epoch int64
	// Bytes is about how much Apply stages, for bounding what waits, and groups.
	Bytes int
	// Again is about how many bytes the operation writes besides, of what it holds once
	// or the database has: a value under many keys, or one that moves. Rows is how many rows
	// InSQL changes at most. Both bound groups.
	Again, Rows int
	// Relieves marks an operation that makes room, as an ack does: it is
	// refused last under overload.
	Relieves bool
}

// A LockedRead is what an operation reads inside the write transaction, where nothing
// can change any more. It holds up every writer of the database, so such operations
// have groups of their own, in which the statements of all make one request.
//
// What it finds is the state before the group: Apply must return ErrNextGroup if an
// operation of its group has changed that.
type LockedRead struct {
	// Stmts go by the transaction's time: see NowSQL.
	Stmts []Stmt
	// Bytes is how many bytes of values they select at most. A group's together have
	// at most MaxAnswer.
	Bytes int
	// Found is given the results before Apply, in each try.
	Found func(results [][]Row)
}

func (op *Op) lockedBytes() int {
	if op.Locked == nil {
		return 0
	}
	return op.Locked.Bytes
}

// size is about how many bytes the operation sends: its rows, and the keys of
// what it reads, once to fetch and once to guard them.
func (op *Op) size() int {
	n := op.Bytes
	for _, refs := range [][]Ref{op.Reads, op.Small, op.Heads} {
		for _, ref := range refs {
			n += 2 * len(ref.key)
		}
	}
	return n
}

// reads is how many rows the operation looks at.
func (op *Op) reads() int { return len(op.Reads) + len(op.Small) + len(op.Heads) }

// InSQL is the part of an operation that SQL computes: it takes the
// last place in its group. Statements join keyval_sequence as s for the
// transaction's time and versionstamp.
type InSQL struct {
	// Exec are the statements of operation number op. At most 1,000 rows. It is
	// called when nothing can join the group any more, in each try.
	Exec func(op int) []Stmt
	// Outcome selects what operation number op did, from what Exec has left
	// behind: it runs at the end of the transaction, and once more when the
	// answer to the commit was lost. It is called after Exec. It must not join keyval_sequence, which
	// may have moved on by then, but the row of keyval_nodes with this boot
	// id: joined as s, it names the transaction in the same way. Nil if nobody wants to
	// know.
	Outcome func(boot string, op int) Stmt
	// Returning is set if the last statement of Exec returns the very rows of
	// Outcome: then only a lost answer makes that necessary.
	Returning bool
}

// Statements are all that there is to do, and nobody wants to know what comes of them.
func Statements(stmts ...Stmt) *InSQL {
	return &InSQL{Exec: func(int) []Stmt { return stmts }}
}

// A Part joins an operation of another package: an enqueue in an atomic
// operation. Its rows stand or fall with the operation.
type Part interface {
	Reads() []Ref
	// Bytes is as in Op.
	Bytes() int
	// Apply is as in Op.
	Apply(*Tx) error
	// Committed is called once the operation has committed.
	Committed(Commit)
}

// A Commit names an operation's place in commit order.
type Commit struct {
	Incarnation, Txn int64
	// Time is the transaction's, in Unix milliseconds of the database.
	Time int64
	// Op is the operation's number within the transaction, -1 if the
	// operation itself has not committed.
	Op int
	// Rows are what InSQL.Outcome selected; none without it.
	Rows []Row
}

// Versionstamp is the operation's.
func (c Commit) Versionstamp() Position { return c.At(c.Op) }

// At is the versionstamp of operation op of the same transaction.
func (c Commit) At(op int) Position { return MakePosition(c.Incarnation, c.Txn, int64(op)) }

// A Querier runs statements in one snapshot, in one round trip.
type Querier interface {
	Query(ctx context.Context, stmts ...Stmt) ([][]Row, error)
}

// A Tx is the state that a group's operations see and stage changes in.
type Tx struct {
	cells map[Ref]*cell
	order []Ref // as staged, possibly more than once
	op    int
	again int // what the operation has said that it writes again
	undo  []undo
}

// cell is one row in a Tx.
type cell struct {
	key  string
	base any // as read; nil if missing
	now  any // as the operations have left it; nil if missing
	// extent is how much of it the operations of the group look at.
	extent extent
	// believed: base is an operation's expectation, nobody has looked.
	believed bool
	set      bool // staged by an operation
	op       int
	// listed is set once the group's statements take the cell in.
	listed bool
}

type undo struct {
	ref  Ref
	cell cell
	was  bool
}

// Op is the number of the running operation within the transaction: what its
// versionstamp will end in.
func (tx *Tx) Op() int { return tx.op }

// staged are the rows of a table that the operations have changed, some of them
// more than once.
func (tx *Tx) staged(t table) iter.Seq2[string, *cell] {
	return func(yield func(string, *cell) bool) {
		for _, ref := range tx.order {
			if c := tx.cells[ref]; ref.table == t && c != nil && c.set && !yield(ref.key, c) {
				return
			}
		}
	}
}

func (tx *Tx) get(ref Ref) any {
	c, ok := tx.cells[ref]
	if !ok {
		panic("sqldb: operation looks at a row of " + ref.table.name() + " that it did not name in Reads")
	}
	return c.now
}

func (tx *Tx) put(ref Ref, row any) {
	c, ok := tx.cells[ref]
	if ok {
		tx.undo = append(tx.undo, undo{ref, *c, true})
	} else {
		tx.undo = append(tx.undo, undo{ref: ref})
		c = &cell{key: ref.key}
		tx.cells[ref] = c
	}
	c.now, c.set, c.op = row, true, tx.op
	tx.order = append(tx.order, ref)
}

// begin starts the next operation.
func (tx *Tx) begin() { tx.undo = tx.undo[:0] }

// rollback takes back what the running operation has staged.
func (tx *Tx) rollback() {
	for i := len(tx.undo) - 1; i >= 0; i-- {
		if u := tx.undo[i]; u.was {
			*tx.cells[u.ref] = u.cell
		} else {
			delete(tx.cells, u.ref)
		}
	}
	tx.undo = tx.undo[:0]
}
