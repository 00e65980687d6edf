package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// read fetches the rows that the group's operations name, but for those that are
// believed.
func (a *attempt) read(ctx context.Context) error {
	a.nameRows()
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
	return a.readLocked(ctx)
}

// nameRows makes a cell of each row that an operation names.
func (a *attempt) nameRows() {
	a.tx = &Tx{cells: map[Ref]*cell{}}
	a.reads = map[table][]*cell{}
	for _, w := range a.group {
		for _, ref := range w.op.Reads {
			a.nameRow(w.op, ref).whole = true
		}
		for _, ref := range w.op.Heads {
			a.nameRow(w.op, ref)
		}
	}
}

func (a *attempt) nameRow(op *Op, ref Ref) *cell {
	if c := a.tx.cells[ref]; c != nil {
		// Two look at it, who may expect different things.
		c.base, c.now, c.believed = nil, nil, false
		return c
	}
	c := &cell{key: ref.key}
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

// fetch is the statement that reads the rows, of heads only that.
func (c *chunk) fetch() Stmt {
	slices.SortStableFunc(c.cells, func(a, b *cell) int {
		switch {
		case a.whole == b.whole:
			return 0
		case a.whole:
			return -1
		}
		return 1
	})
	whole := slices.IndexFunc(c.cells, func(c *cell) bool { return !c.whole })
	return c.table.fetch(c.keys(), whole)
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
		results, err := a.session.run(ctx, append([]Stmt{{SQL: "BEGIN IMMEDIATE"}}, stmts...)...)
		if err != nil {
			return nil, err
		}
		return results[1:], nil
	}
	switch len(stmts) {
	case 0:
		return nil, nil
	case 1:
		rows, err := a.db.primary.query(ctx, stmts[0])
		return [][]Row{rows}, err
	}
	// One snapshot: if no operation commits, no guard will tell that one
	// table was read before and the other after another node's commit.
	results, err := a.session.run(ctx, slices.Concat([]Stmt{{SQL: "BEGIN"}}, stmts, []Stmt{{SQL: "COMMIT"}})...)
	if err != nil {
		return nil, &readError{err}
	}
	return results[1 : len(results)-1], nil
}

// errReadLocked marks an error of an operation's own reading.
var errReadLocked = errors.New("reading under the lock")

type readLockedError struct{ error }

func (e readLockedError) Is(target error) bool { return target == errReadLocked }
func (e readLockedError) Unwrap() error        { return e.error }

func (a *attempt) readLocked(ctx context.Context) error {
	read := a.group[0].op.ReadLocked
	if read == nil {
		return nil
	}
	if err := read(ctx, sessionQuerier{a.session, a.db.primary}); err != nil {
		return readLockedError{err}
	}
	return nil
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
