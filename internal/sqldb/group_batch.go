package sqldb

import (
	"context"
	"encoding/json"
	"errors"
)

// commit sends the transaction and finds out what became of it. It returns
// one result for each operation that asks what SQL has done of it.
func (a *attempt) commit(ctx context.Context, ops int) (Commit, [][]Row, error) {
	number := a.lastGroup + 1
	prologue := a.prologue(ops)
	stmts, answers, err := a.statements(prologue)
	if err != nil {
		a.unlock(ctx)
		return Commit{}, nil, err
	}
	results, err := a.session.run(ctx, append(stmts, Stmt{SQL: "COMMIT"})...)
	if err == nil {
		a.lastGroup = number
		if !a.locked {
			a.sequence = results[len(prologue)-2][0]
		}
		a.others = integer(a.sequence[3])
		return commitOf(a.sequence), pick(results, answers), nil
	}
	switch reason := guardReason(err); {
	case reason == guardStale:
		return Commit{}, nil, errRetry
	case reason == guardFenced:
		return Commit{}, nil, ErrFenced
	case reason == guardRestored:
		return Commit{}, nil, ErrRestored
	case errors.Is(err, errLostTransaction):
		return Commit{}, nil, errRetry
	case neverSent(err):
		return Commit{}, nil, unavailable(err)
	case reason == "" && neverCommitted(err):
		return Commit{}, nil, undone(err)
	}
	tellLost(ctx)
	return a.recover(number, a.outcomes(), err)
}

func pick(results [][]Row, indexes []int) [][]Row {
	picked := make([][]Row, len(indexes))
	for i, at := range indexes {
		picked[i] = results[at]
	}
	return picked
}

// opening opens the transaction: it fails unless this group is the successor of the
// node's last one and the database has not gone back, and moves the sequence on, which
// fixes the transaction's number and time. The group's number comes first: a batch that
// arrives twice must not be told anything else the second time. The statement before
// the last one returns the transaction.
func (a *attempt) opening(ops int) []Stmt {
	return []Stmt{
		{SQL: "BEGIN IMMEDIATE"},
		{SQL: guardSQL, Args: []any{a.boot, a.lastGroup, string(a.seen())}},
		{SQL: sequenceSQL, Args: []any{int64(ops - 1), a.boot}},
		{SQL: groupSQL, Args: []any{a.boot, a.lastGroup + 1}},
	}
}

// prologue comes before everything else that commits so many operations. It is the
// opening, but for a locked group: there it only makes that true.
func (a *attempt) prologue(ops int) []Stmt {
	switch {
	case !a.locked:
		return a.opening(ops)
	case ops != len(a.group):
		return []Stmt{{SQL: lastOpSQL, Args: []any{int64(ops - 1)}}}
	}
	return nil
}

const (
	fenceSQL = `INSERT INTO keyval_guard(reason)
SELECT '` + guardFenced + `' FROM json_each(?) j WHERE NOT EXISTS (SELECT 1 FROM keyval_leader WHERE epoch=j.value)`

	guardSQL = `INSERT INTO keyval_guard(reason)
SELECT '` + guardGroup + `' WHERE NOT EXISTS (SELECT 1 FROM keyval_nodes WHERE boot_id=?1 AND last_group=?2)
UNION ALL SELECT '` + guardRestored + `' FROM keyval_sequence s WHERE ` + PositionSQL + `<?3`

	lastOpSQL = `UPDATE keyval_sequence SET last_op=?`

	sequenceSQL = `UPDATE keyval_sequence SET txn=txn+1,last_op=?1,time=max(time,` + ClockSQL + `)
RETURNING incarnation,txn,time,` + othersSQL

	groupSQL = `UPDATE keyval_nodes SET last_group=?2,incarnation=s.incarnation,txn=s.txn,time=s.time
FROM keyval_sequence s WHERE boot_id=?1`
)

// seen is the newest position that this node knows of, from its own commits
// or from what it has read.
func (a *attempt) seen() Position { return max(a.newest, a.db.floor.load()) }

// epochs are the leader epochs that the group depends on, as JSON; "" for none.
func (a *attempt) epochs() string {
	var epochs []int64
	for _, o := range a.applied {
		if o.number >= 0 && o.w.op.Epoch != 0 {
			epochs = append(epochs, o.w.op.Epoch)
		}
	}
	if len(epochs) == 0 {
		return ""
	}
	encoded, _ := json.Marshal(epochs)
	return string(encoded)
}

// statements follow the prologue: they fail unless the leader's epoch, if one is
// concerned, is current and what was read outside of the transaction is as it was, write
// what was staged, and do what is to be done in SQL. answers are the indexes of the
// statements that return the outcomes of these.
func (a *attempt) statements(prologue []Stmt) (stmts []Stmt, answers []int, err error) {
	defer contain(&err) // of a table's functions, or of what an operation does in SQL
	stmts = append(prologue, a.notesTime()...)
	if epochs := a.epochs(); epochs != "" {
		stmts = append(stmts, Stmt{SQL: fenceSQL, Args: []any{epochs}})
	}
	for _, c := range a.chunks(func(c *cell) bool { return c.believed || !a.locked }) {
		stmts = append(stmts, c.table.guard(c.cells))
	}
	staged := map[table][]*cell{}
	for _, ref := range a.tx.order {
		if c := a.tx.cells[ref]; c != nil && c.set && !c.listed {
			c.listed = true
			a.use(ref.table)
			staged[ref.table] = append(staged[ref.table], c)
		}
	}
	for _, t := range a.tables {
		if cells := staged[t]; len(cells) > 0 {
			stmts = append(stmts, t.write(cells)...)
		}
	}
	for i := range a.applied {
		o := &a.applied[i]
		if o.number >= 0 && o.w.op.InSQL != nil {
			stmts = append(stmts, o.w.op.InSQL.Exec(o.number)...)
		}
		if o.asks() {
			answers = append(answers, len(stmts)-1)
		}
	}
	for i, o := range a.asking() {
		if !o.w.op.InSQL.Returning {
			stmts = append(stmts, o.w.op.InSQL.Outcome(a.boot, o.number))
			answers[i] = len(stmts) - 1
		}
	}
	return stmts, answers, nil
}

// asking are the operations that ask what SQL has done of them.
func (a *attempt) asking() (all []*applied) {
	for i := range a.applied {
		if o := &a.applied[i]; o.asks() {
			all = append(all, o)
		}
	}
	return all
}

// outcomes asks that once more. An operation that cannot fails alone, now that the others
// may have been done.
func (a *attempt) outcomes() (stmts []Stmt) {
	for _, o := range a.asking() {
		var st Stmt
		if st, o.err = o.outcome(a.boot); o.err == nil {
			stmts = append(stmts, st)
		}
	}
	return stmts
}

func (o *applied) outcome(boot string) (_ Stmt, err error) {
	defer contain(&err)
	return o.w.op.InSQL.Outcome(boot, o.number), nil
}

func commitOf(row Row) Commit {
	return Commit{Incarnation: integer(row[0]), Txn: integer(row[1]), Time: integer(row[2]), Op: -1}
}
