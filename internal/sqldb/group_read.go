package sqldb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// read fetches the rows that the group's operations name, but for those that are
// believed.
func (a *attempt) read(ctx context.Context) (err error) {
	defer contain(&err) // of a table's functions
	a.nameAll()
	chunks := a.chunks(func(c *cell) bool { return !c.believed })
	stmts := make([]Stmt, len(chunks))
	for i, c := range chunks {
		stmts[i] = c.fetch()
	}
	results, err := a.fetch(ctx, stmts)
	if err != nil {
		return err
	}
	for i, c := range chunks {
		if err := fill(c.table, c.cells, results[i]); err != nil {
			return err
		}
	}
	return nil
}

// nameAll makes a cell of each row that an operation names.
func (a *attempt) nameAll() {
	a.tx = &Tx{cells: map[Ref]*cell{}}
	a.reads = map[table][]*cell{}
	for _, w := range a.group {
		a.nameRows(w.op, w.op.Reads, whole)
		a.nameRows(w.op, w.op.Small, small)
		a.nameRows(w.op, w.op.Heads, head)
	}
}

func (a *attempt) nameRows(op *Op, refs []Ref, e extent) {
	for _, ref := range refs {
		c := a.nameRow(op, ref)
		c.extent = min(c.extent, e)
	}
}

func (a *attempt) nameRow(op *Op, ref Ref) *cell {
	if c := a.tx.cells[ref]; c != nil {
		// Two look at it, who may expect different things.
		c.base, c.now, c.believed = nil, nil, false
		return c
	}
	c := &cell{key: ref.key, extent: head}
	if e := op.Expect; a.credulous && e != nil && e.ref == ref {
		c.base, c.now, c.believed = e.row, e.row, true
	}
	a.tx.cells[ref] = c
	a.use(ref.table)
	a.reads[ref.table] = append(a.reads[ref.table], c)
	return c
}

// believes tells whether a row was not read because an operation expects it.
func (a *attempt) believes() bool {
	for _, c := range a.tx.cells {
		if c.believed {
			return true
		}
	}
	return false
}

// chunk is as many rows of a table as one statement names.
type chunk struct {
	table table
	cells []*cell
}

func (c *chunk) keys() []string {
	keys := make([]string, len(c.cells))
	for i, cell := range c.cells {
		keys[i] = cell.key
	}
	return keys
}

// extent is how much of a row is looked at: all of it, all of it if that is small, or
// its head.
type extent int

const (
	whole extent = iota
	small
	head
)

// SmallBytes is how large a value may be that is read because it may be small.
const SmallBytes = 64 << 10

// fetch is the statement that reads the rows, as much of each as is looked at.
func (c *chunk) fetch() Stmt {
	slices.SortStableFunc(c.cells, func(a, b *cell) int { return cmp.Compare(a.extent, b.extent) })
	return c.table.fetch(c.keys(), c.upTo(whole), c.upTo(small))
}

// upTo is how many of the sorted rows are looked at to an extent or more of them.
func (c *chunk) upTo(e extent) int {
	n, _ := slices.BinarySearchFunc(c.cells, e+1, func(c *cell, e extent) int { return cmp.Compare(c.extent, e) })
	return n
}

// chunks cuts the wanted ones of the rows that the group names so that the keys, in
// hexadecimal and with what a guard adds to each, fit an argument.
func (a *attempt) chunks(wanted func(*cell) bool) []chunk {
	var chunks []chunk
	for _, t := range a.tables {
		current, bytes := chunk{table: t}, 0
		for _, c := range a.reads[t] {
			if !wanted(c) {
				continue
			}
			size := 2*len(c.key) + guardBytes
			if bytes+size > MaxArgument {
				chunks = append(chunks, current)
				current, bytes = chunk{table: t}, 0
			}
			current.cells = append(current.cells, c)
			bytes += size
		}
		if len(current.cells) > 0 {
			chunks = append(chunks, current)
		}
	}
	return chunks
}

// guardBytes is about how much longer a guard's row is than its key.
const guardBytes = 192

// use notes that the group has to do with a table.
func (a *attempt) use(t table) {
	for _, known := range a.tables {
		if known == t {
			return
		}
	}
	a.tables = append(a.tables, t)
}

// fetch runs the reading statements: inside the write lock, or beside it.
func (a *attempt) fetch(ctx context.Context, stmts []Stmt) ([][]Row, error) {
	if a.locked {
		return a.fetchLocked(ctx, stmts)
	}
	if !a.together {
		return a.fetchApart(ctx, stmts)
	}
	results, err := a.session.run(ctx, slices.Concat([]Stmt{{SQL: "BEGIN"}}, stmts, []Stmt{{SQL: "COMMIT"}})...)
	if err != nil {
		return nil, &readError{err}
	}
	return results[1 : len(results)-1], nil
}

// fetchApart reads table by table, which takes less time than in one snapshot. The guards
// will tell whether one was read before and the other after another node's commit, but
// not if nothing commits.
func (a *attempt) fetchApart(ctx context.Context, stmts []Stmt) ([][]Row, error) {
	results := make([][]Row, len(stmts))
	for i, st := range stmts {
		var err error
		if results[i], err = a.db.primary.query(ctx, st); err != nil {
			return nil, err
		}
	}
	a.apart = len(stmts) > 1
	return results, nil
}

// fetchLocked opens the transaction and reads in it, by its time, which is fixed with
// that: nothing has to be found out again when it commits.
func (a *attempt) fetchLocked(ctx context.Context, stmts []Stmt) ([][]Row, error) {
	for _, w := range a.group {
		if w.op.Locked != nil {
			stmts = append(stmts, w.op.Locked.Stmts...)
		}
	}
	for i := range stmts {
		stmts[i] = a.within(stmts[i])
	}
	opening := a.opening(len(a.group))
	results, err := a.session.run(ctx, append(opening, stmts...)...)
	if err != nil {
		return nil, err
	}
	a.sequence, results = results[len(opening)-2][0], results[len(opening):]
	end := len(results)
	for _, w := range slices.Backward(a.group) {
		if w.op.Locked != nil {
			end -= len(w.op.Locked.Stmts)
			w.found = results[end : end+len(w.op.Locked.Stmts)]
		}
	}
	return results, nil
}

// fill puts fetched rows into the cells that asked for them.
func fill(t table, cells []*cell, rows []Row) error {
	for _, row := range rows {
		i := integer(row[0])
		if i < 0 || i >= int64(len(cells)) {
			return fmt.Errorf("table %s: row for key %d of %d", t.name(), i, len(cells))
		}
		value, err := t.scan(row[1:])
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name(), err)
		}
		cells[i].base, cells[i].now = value, value
	}
	return nil
}
