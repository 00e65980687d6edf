package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// optimisticTries is how often a group is read outside the write lock before
// it is read inside it.
const optimisticTries = 2

// doubtTime is for how long all rows are read after a group that believed what its
// operations expect has failed. It bounds what a client that is always wrong costs.
const doubtTime = time.Second

// maxTries bounds the tries of a group that keeps meeting a busy database.
const maxTries = 10

// roundTripTime bounds one call to the primary while a group is under way. A
// transaction of sqld lives for 5 s at most.
const roundTripTime = 6 * time.Second

// errRetry is returned by an attempt that must be made again on fresh rows.
var errRetry = errors.New("another node was faster")

// commitAll commits a group's operations, in as many transactions as it
// takes, and answers every one of them.
func (c *committer) commitAll(ctx context.Context, group []*waiting) {
	for try := 0; len(group) > 0; try++ {
		a := &attempt{committer: c, group: group, locked: c.mustLock(group, try), credulous: try == 0 && time.Now().After(c.doubtUntil)}
		err := a.run(ctx)
		switch {
		case err == nil:
			c.setDown(false)
			try = -1 // what is left was put off, not refused
		case errors.Is(err, errRetry) && try < maxTries:
			if a.believes {
				c.doubtUntil = time.Now().Add(doubtTime)
			}
			c.db.metrics.retries.Inc()
			c.pacer.rest()
			c.rest(ctx)
		case errors.Is(err, ErrFenced):
			group = dropFenced(unfinished(group))
		case errors.Is(err, ErrCommitUnknown):
			refuse(group, err)
			return
		case errors.Is(err, ErrUnavailable), errors.Is(err, errRetry):
			c.setDown(!errors.Is(err, ErrRestored))
			refuse(unfinished(group), unavailable(err))
			return
		case len(group) == 1:
			c.log.Error("an operation failed in the database", "op", group[0].op.Name, "error", err)
			refuse(group, err)
			return
		default:
			// One of them is to blame: the halves will tell which.
			c.log.Warn("a group failed in the database and is split", "operations", len(group), "error", err)
			c.commitAll(ctx, group[:len(group)/2])
			group, try = group[len(group)/2:], -1
		}
		group = unfinished(group)
	}
}

// mustLock tells whether a group reads inside the write lock: always on an
// embedded database, where the lock costs nothing.
func (c *committer) mustLock(group []*waiting, try int) bool {
	return c.db.writer.embedded || try >= optimisticTries || group[0].op.ReadLocked != nil
}

// setDown notes whether the primary can be reached, and says so once.
func (c *committer) setDown(down bool) {
	if c.down.Swap(down) != down {
		if down {
			c.log.Error("the primary cannot be reached; writes are refused until it can")
		} else {
			c.log.Info("the primary can be reached again")
		}
	}
}

// unavailable is err, or ErrUnavailable around it.
func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func dropFenced(group []*waiting) []*waiting {
	rest := group[:0:0]
	for _, w := range group {
		if w.op.Epoch != 0 {
			w.finish(Commit{Op: -1}, ErrFenced)
			continue
		}
		rest = append(rest, w)
	}
	return rest
}

func unfinished(group []*waiting) []*waiting {
	rest := group[:0:0]
	for _, w := range group {
		select {
		case <-w.done:
		default:
			rest = append(rest, w)
		}
	}
	return rest
}

// An attempt is one try to commit a group in one transaction.
type attempt struct {
	*committer
	group  []*waiting
	locked bool
	// credulous: rows that an operation expects are not read. believes is set if
	// there are any.
	credulous, believes bool

	tx      *Tx
	reads   map[table][]*cell
	tables  []table // in order of first use, so that statements are constant
	applied []outcome
	others  int64 // other nodes that write at the time
}

// outcome is what Apply made of an operation.
type outcome struct {
	*waiting
	op  int // its number in the transaction; -1 if it failed
	err error
}

func (a *attempt) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundTripTime)
	defer cancel()
	start := time.Now()
	if err := a.read(ctx); err != nil {
		a.unlock(ctx)
		return a.readFailed(err)
	}
	ops := a.apply()
	if ops == 0 {
		a.unlock(ctx)
		a.answer(Commit{}, nil)
		return nil
	}
	commit, results, err := a.commit(ctx, ops)
	if err != nil {
		return err
	}
	if p := commit.At(ops - 1); p > a.newest {
		a.newest = p
	}
	took := time.Since(start)
	a.db.metrics.group(ops, took)
	a.pacer.committed(a.others, ops, took)
	a.db.Answered(a.newest)
	a.db.metrics.met("primary", a.newest)
	a.answer(commit, results)
	a.observers.notify(a.newest)
	return nil
}

// unlock gives up the write lock, if the attempt has taken it.
func (a *attempt) unlock(ctx context.Context) {
	if a.locked {
		a.session.rollback(ctx)
	}
}

// readFailed says what a failed read means for the group: nothing has been
// sent that could commit.
func (a *attempt) readFailed(err error) error {
	if errors.Is(err, errReadLocked) && len(a.group) > 1 {
		// The first operation's own reading failed; the others are fine.
		a.group[0].finish(Commit{Op: -1}, errors.Unwrap(err))
		return errRetry
	}
	if errors.Is(err, errReadLocked) {
		a.group[0].finish(Commit{Op: -1}, errors.Unwrap(err))
		return nil
	}
	switch {
	case transient(err) && !errors.Is(err, ErrUnavailable), errors.Is(err, errLostTransaction):
		return errRetry
	case isSQLError(err), tooLarge(err):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// read fetches the rows that the group's operations name, but for those that are
// believed.
func (a *attempt) read(ctx context.Context) error {
	a.name()
	chunks := a.chunks(func(c *cell) bool { return !c.believed })
	stmts := make([]Stmt, len(chunks))
	for i, c := range chunks {
		keys := make([]string, len(c.cells))
		for j, cell := range c.cells {
			keys[j] = cell.key
		}
		stmts[i] = c.table.fetch(keys)
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

// name makes a cell of each row that an operation names.
func (a *attempt) name() {
	a.tx = &Tx{cells: map[Ref]*cell{}}
	a.reads = map[table][]*cell{}
	for _, w := range a.group {
		for _, ref := range w.op.Reads {
			if c := a.tx.cells[ref]; c != nil {
				// Two look at it, who may expect different things.
				c.base, c.now, c.believed = nil, nil, false
				continue
			}
			c := &cell{key: ref.key, read: true}
			if e := w.op.Expect; a.credulous && e != nil && e.ref == ref {
				c.base, c.now, c.believed = e.row, e.row, true
			}
			a.tx.cells[ref] = c
			a.use(ref.table)
			a.reads[ref.table] = append(a.reads[ref.table], c)
		}
	}
	for _, c := range a.tx.cells {
		a.believes = a.believes || c.believed
	}
}

// chunk is as many rows of a table as one statement names.
type chunk struct {
	table table
	cells []*cell
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
			if bytes+size > maxArgument {
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
		return nil, err
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

// apply runs the operations in arrival order, those with a conditional part
// last, and returns how many there are to commit. From here on a caller that
// leaves must be told that the outcome is unknown.
func (a *attempt) apply() int {
	a.applied = a.applied[:0]
	ops := 0
	for _, conditional := range []bool{false, true} {
		for _, w := range a.group {
			if (w.op.Conditional != nil) != conditional {
				continue
			}
			if w.state.Load() == dropped || (w.state.Load() == queued && !w.state.CompareAndSwap(queued, sent)) {
				w.finish(Commit{Op: -1}, w.ctx.Err())
				continue
			}
			o := outcome{waiting: w, op: -1}
			a.tx.op = ops
			a.tx.begin()
			if w.op.Apply != nil {
				o.err = w.op.Apply(a.tx)
			}
			switch {
			case errors.Is(o.err, ErrNextGroup):
				a.tx.rollback()
				continue
			case o.err != nil:
				a.tx.rollback()
			default:
				o.op = ops
				ops++
			}
			a.applied = append(a.applied, o)
		}
	}
	return ops
}

// answer tells every caller what became of its operation.
func (a *attempt) answer(commit Commit, results [][]Row) {
	next := 0
	for _, o := range a.applied {
		c := commit
		c.Op = o.op
		if o.op >= 0 && o.waiting.op.Conditional != nil {
			c.Rows = results[next]
			next++
		}
		o.finish(c, o.err)
	}
}

// commit sends the transaction and finds out what became of it. It returns
// one result for each conditional operation.
func (a *attempt) commit(ctx context.Context, ops int) (Commit, [][]Row, error) {
	number := a.lastGroup + 1
	prologue := a.prologue(number, ops)
	stmts, answers := a.statements(prologue)
	results, err := a.session.run(ctx, append(stmts, Stmt{SQL: "COMMIT"})...)
	if err == nil {
		a.lastGroup = number
		sequence := results[len(prologue)-2][0]
		commit := commitOf(sequence)
		a.others = integer(sequence[3])
		return commit, pick(results, answers), nil
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
		return Commit{}, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return a.recover(number, a.outcomes(), err)
}

func pick(results [][]Row, indexes []int) [][]Row {
	picked := make([][]Row, len(indexes))
	for i, at := range indexes {
		picked[i] = results[at]
	}
	return picked
}

// prologue opens the transaction: it fails unless this group is the successor
// of the node's last one, the database has not gone back, and the leader's
// epoch, if one is concerned, is current. The group's number comes first: a
// batch that arrives twice must not be told anything else the second time.
// The statement before the prologue's last one returns the transaction.
func (a *attempt) prologue(number int64, ops int) []Stmt {
	var stmts []Stmt
	if !a.locked {
		stmts = append(stmts, Stmt{SQL: "BEGIN IMMEDIATE"})
	}
	stmts = append(stmts, Stmt{SQL: guardSQL, Args: []any{a.boot, number - 1, string(a.seen())}})
	if epochs := a.epochs(); epochs != "[]" {
		stmts = append(stmts, Stmt{SQL: fenceSQL, Args: []any{epochs}})
	}
	return append(stmts,
		Stmt{SQL: sequenceSQL, Args: []any{int64(ops - 1), a.boot}},
		Stmt{SQL: groupSQL, Args: []any{a.boot, number}})
}

const (
	fenceSQL = `INSERT INTO keyval_guard(reason)
SELECT '` + guardFenced + `' FROM json_each(?) j WHERE NOT EXISTS (SELECT 1 FROM keyval_leader WHERE epoch=j.value)`

	guardSQL = `INSERT INTO keyval_guard(reason)
SELECT '` + guardGroup + `' WHERE NOT EXISTS (SELECT 1 FROM keyval_nodes WHERE boot_id=?1 AND last_group=?2)
UNION ALL SELECT '` + guardRestored + `' FROM keyval_sequence s WHERE ` + PositionSQL + `<?3`

	sequenceSQL = `UPDATE keyval_sequence SET txn=txn+1,last_op=?1,time=max(time,` + ClockSQL + `)
RETURNING incarnation,txn,time,` + othersSQL

	groupSQL = `UPDATE keyval_nodes SET last_group=?2,incarnation=s.incarnation,txn=s.txn,time=s.time
FROM keyval_sequence s WHERE boot_id=?1`
)

// seen is the newest position that this node knows of, from its own commits
// or from what it has read.
func (a *attempt) seen() Position { return max(a.newest, a.db.floor.load()) }

// epochs are the leader epochs that the group depends on, as JSON.
func (a *attempt) epochs() string {
	epochs := []int64{}
	for _, o := range a.applied {
		if o.op >= 0 && o.waiting.op.Epoch != 0 {
			epochs = append(epochs, o.waiting.op.Epoch)
		}
	}
	encoded, _ := json.Marshal(epochs)
	return string(encoded)
}

// statements follow the prologue: they guard what was read, write what was staged,
// and run the conditional parts. answers are the indexes of the statements that
// return the outcomes of these.
func (a *attempt) statements(prologue []Stmt) (stmts []Stmt, answers []int) {
	stmts = prologue
	for _, c := range a.chunks(func(*cell) bool { return true }) {
		stmts = append(stmts, c.table.guard(c.cells))
	}
	for _, o := range a.applied {
		if o.op >= 0 && o.waiting.op.Guard != nil {
			stmts = append(stmts, o.waiting.op.Guard()...)
		}
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
	conditional := a.conditional()
	answers = make([]int, len(conditional))
	for i, o := range conditional {
		stmts = append(stmts, o.waiting.op.Conditional.Exec(o.op)...)
		answers[i] = len(stmts) - 1
	}
	for i, o := range conditional {
		if c := o.waiting.op.Conditional; !c.Returning {
			stmts = append(stmts, c.Outcome(a.boot, o.op))
			answers[i] = len(stmts) - 1
		}
	}
	return stmts, answers
}

// conditional are the conditional operations that did not fail.
func (a *attempt) conditional() (all []outcome) {
	for _, o := range a.applied {
		if o.op >= 0 && o.waiting.op.Conditional != nil {
			all = append(all, o)
		}
	}
	return all
}

// outcomes asks what the conditional operations did.
func (a *attempt) outcomes() []Stmt {
	var stmts []Stmt
	for _, o := range a.conditional() {
		stmts = append(stmts, o.waiting.op.Conditional.Outcome(a.boot, o.op))
	}
	return stmts
}

func commitOf(row Row) Commit {
	return Commit{Incarnation: integer(row[0]), Txn: integer(row[1]), Time: integer(row[2]), Op: -1}
}
