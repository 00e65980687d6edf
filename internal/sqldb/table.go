package sqldb

import "iter"

// A Stmt is one SQL statement. Its text is one of few constants: the driver
// lexes it on every call. Arguments are int64, string, []byte, float64 or nil.
type Stmt struct {
	SQL  string
	Args []any
	// Name is what a statement is called whose text is no constant, because it is made for
	// what a client asks: nothing is kept by its text. "" for all others: see Names.
	Name string
	// Begun, if not nil, is called when a large read's turn has come: what it waits for
	// others is not what it takes.
	Begun func()
}

// A Row is one row of a result: int64, string, []byte, float64 or nil.
type Row []any

// A Table describes rows that operations read, change and guard by key. R is
// a row as the operations see it. Rows are values: an operation that changes
// one puts another in its place.
type Table[R any] struct {
	Name string
	// Fetch selects the rows with these keys. The first column is the index
	// of the row's key in keys; a missing row is not selected. A row past its
	// time counts as missing (see NowSQL).
	Fetch func(keys []string) Stmt
	// FetchPart is Fetch that has NULL for what can be large and Guard does not compare:
	// never for the first so many keys, for those up to small where it has more than
	// SmallBytes, and always for the rest. Nil if there is nothing like that: then Fetch
	// fetches them, too.
	FetchPart func(keys []string, whole, small int) Stmt
	// Scan reads what Fetch or FetchPart selected, without the first column.
	Scan func(Row) (R, error)
	// Guard is a statement that begins with StaleSQL and fails when one of
	// these rows is no longer as it was read, by the transaction's time. It is not
	// asked about rows that were read inside the transaction.
	Guard func(reads []Held[R]) Stmt
	// Write carries out what a group has changed, one change a key.
	Write func(changes []Change[R]) []Stmt
}

// A Held row is one that an operation has read; Row is nil if it was missing.
type Held[R any] struct {
	Key string
	Row *R
}

// GuardVersionstamps is a Guard that goes by versionstamps alone: the argument of sql
// are rows of [key, versionstamp], "" for one that was missing.
func GuardVersionstamps[R any, V ~string](sql string, reads []Held[R], versionstamp func(*R) V) Stmt {
	rows := NewRows(sql)
	for _, r := range reads {
		stamp := ""
		if r.Row != nil {
			stamp = string(versionstamp(r.Row))
		}
		rows.Add(r.Key, stamp)
	}
	return rows.Array()
}

// A Change is what a group makes of a row: Row is nil if it is deleted. Op is
// the number, within the transaction, of the last operation that changed it.
type Change[R any] struct {
	Key string
	Row *R
	Op  int
}

// Ref names a row for an operation that reads it.
func (t *Table[R]) Ref(key string) Ref { return Ref{table: t, key: key} }

// Expect says what the row is believed to be: as much of it as Guard compares and
// Apply looks at.
func (t *Table[R]) Expect(key string, row R) *Expectation { return &Expectation{t.Ref(key), &row} }

// Get returns the row as the operations before this one in the group have
// left it, nil if there is none. The operation must have named it in Reads, or in
// Heads if it looks at nothing more than Guard does.
func (t *Table[R]) Get(tx *Tx, key string) *R {
	row, _ := tx.get(t.Ref(key)).(*R)
	return row
}

// Staged are the rows that the operations before this one in the group have changed,
// with the number of the operation that did so last; nil for one that they have
// deleted. One may come twice.
func (t *Table[R]) Staged(tx *Tx) iter.Seq2[string, Change[R]] {
	return func(yield func(string, Change[R]) bool) {
		for key, c := range tx.staged(t) {
			row, _ := c.now.(*R)
			if !yield(key, Change[R]{key, row, c.op}) {
				return
			}
		}
	}
}

// Put stages the row.
func (t *Table[R]) Put(tx *Tx, key string, row R) { tx.put(t.Ref(key), &row) }

// Delete stages the removal of a row that the operation has read.
func (t *Table[R]) Delete(tx *Tx, key string) { tx.put(t.Ref(key), nil) }

// A Ref names a row of a table.
type Ref struct {
	table table
	key   string
}

// An Expectation is a row as an operation believes it to be.
type Expectation struct {
	ref Ref
	row any
}

// table is a Table of any kind of row.
type table interface {
	name() string
	fetch(keys []string, whole, small int) Stmt
	scan(Row) (any, error)
	guard(cells []*cell) Stmt
	write(cells []*cell) []Stmt
}

func (t *Table[R]) name() string { return t.Name }

// fetch is FetchPart, or Fetch where that does the same.
func (t *Table[R]) fetch(keys []string, whole, small int) Stmt {
	if whole == len(keys) || t.FetchPart == nil {
		return t.Fetch(keys)
	}
	return t.FetchPart(keys, whole, small)
}

func (t *Table[R]) scan(row Row) (any, error) {
	r, err := t.Scan(row)
	return &r, err
}

func (t *Table[R]) guard(cells []*cell) Stmt {
	reads := make([]Held[R], len(cells))
	for i, c := range cells {
		row, _ := c.base.(*R)
		reads[i] = Held[R]{Key: c.key, Row: row}
	}
	return t.Guard(reads)
}

func (t *Table[R]) write(cells []*cell) []Stmt {
	changes := make([]Change[R], len(cells))
	for i, c := range cells {
		row, _ := c.now.(*R)
		changes[i] = Change[R]{Key: c.key, Row: row, Op: c.op}
	}
	return t.Write(changes)
}
