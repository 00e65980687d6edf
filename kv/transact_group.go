package kv

import (
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
)

const (
	// mostKeys and mostLists are how many a transaction may read within its group; more
	// are read ahead.
	mostKeys, mostLists = 64, 8
	// maxLockedBytes is how many bytes the lists of a transaction may have that are read
	// within its group, for which every writer of the database waits; larger ones are read
	// ahead. Then nothing but whether they have changed meanwhile is left to find out.
	maxLockedBytes = 128 << 10
	// changesBytes is about what is selected to tell what has changed.
	changesBytes = 64 << 10
)

var errSnapshotNewer = fmt.Errorf("%w: the snapshot is of another one, or from before a restore; read again", ErrPositionAhead)

// fits tells whether what has not been read ahead may be read within the group.
func (t *transaction) fits() bool {
	if t.ahead != nil || t.sizes != nil {
		return true
	}
	lists := t.covered.lists
	return t.store.maxLockedBytes >= 0 && len(t.req.Reads)-lists <= mostKeys && lists <= mostLists
}

// rows are what the group looks at for the transaction: the keys that are read within
// it, and what has changed of them since the snapshot.
func (t *transaction) rows(op *sqldb.Op) {
	if refs := t.keyRefs(); t.sizes != nil {
		op.Reads = refs
	} else {
		op.Small = refs
	}
	if t.keysOnSnapshot() {
		for _, r := range t.req.Reads {
			op.Reads = append(op.Reads, keyChanges.Ref(sinceName(t.req.Snapshot, r.Key)))
		}
	}
}

// keysOnSnapshot tells whether what has changed is looked up as rows of the group.
func (t *transaction) keysOnSnapshot() bool {
	return t.ahead == nil && t.req.Snapshot != "" && t.covered.lists == 0 && t.fits()
}

// keyRefs are the rows of the keys that are read within the group.
func (t *transaction) keyRefs() (refs []sqldb.Ref) {
	if t.ahead != nil || !t.fits() {
		return nil
	}
	for _, r := range t.req.Reads {
		if r.List == nil {
			refs = append(refs, entries.Ref(string(r.Key)))
		}
	}
	return refs
}

// locked is what the group has to find out under the lock; nil for nothing.
func (t *transaction) locked() *sqldb.LockedRead {
	if !t.fits() || t.ahead.decides() {
		return nil
	}
	read := &sqldb.LockedRead{Found: func(results [][]sqldb.Row) { t.found = results }}
	if s, ok := t.since(); ok && !t.keysOnSnapshot() {
		read.Stmts, read.Bytes = t.covered.lockedStmts(s, t.tries), changesBytes
	}
	if t.ahead == nil {
		for i, r := range t.req.Reads {
			if r.List != nil {
				limit := t.listBytes(i)
				read.Stmts = append(read.Stmts, strictListStmt(*r.List, limit))
				read.Bytes += int(limit)
			}
		}
	}
	if len(read.Stmts) == 0 {
		return nil
	}
	return read
}

// listBytes is how many bytes a list may have within the group.
func (t *transaction) listBytes(i int) int64 {
	if t.sizes != nil {
		return min(2*t.sizes[i]+maxLockedBytes, sqldb.MaxAnswer)
	}
	return t.store.maxLockedBytes / int64(t.covered.lists)
}

// since is the state after which nothing may have changed, if there is one.
func (t *transaction) since() (since, bool) {
	switch {
	case t.ahead != nil:
		return t.ahead.since, true
	case t.req.Snapshot != "":
		return since{position: t.req.Snapshot}, true
	}
	return since{}, false
}

// look finds, as a part of the operation, what has changed and what the reads are.
func (t *transaction) look(tx *sqldb.Tx) error {
	t.answer, t.pendingReads, t.tooOld, t.lapsed = TransactionResult{}, nil, false, false
	switch {
	case !t.fits():
		return errReadAhead
	case t.ahead != nil && t.ahead.over != nil:
		return t.ahead.over
	}
	lists, err := t.compare(tx)
	if err != nil || t.tooOld || len(t.result.Conflicts) > 0 {
		return err
	}
	if err := t.meetGroup(tx); err != nil || len(t.result.Conflicts) > 0 {
		return err
	}
	return t.takeReads(tx, lists)
}

// compare looks at what has changed, and returns the other results.
func (t *transaction) compare(tx *sqldb.Tx) (lists [][]sqldb.Row, err error) {
	var c changes
	lists = t.found
	if t.ahead.decides() {
		c = t.ahead.changes
	} else if t.keysOnSnapshot() {
		c = t.lookedUp(tx)
	} else if _, ok := t.since(); ok {
		n := len(t.found)
		if t.ahead == nil {
			n -= t.covered.lists // which come last
		}
		c, lists = scanChanges(t.found[:n]), t.found[n:]
	}
	switch {
	case c.more:
		return nil, errReadAhead
	case t.ahead != nil && !t.ahead.decides() && (c.newer || c.tooOld || c.any() && t.req.Snapshot == ""):
		// Its own reading is too old, which is no fault of the caller.
		t.ahead.stale = true
		return nil, errReadAhead
	case c.newer:
		return nil, errSnapshotNewer
	}
	t.result.Conflicts = append(t.result.Conflicts, c.found...)
	t.tooOld, t.answer.SnapshotTooOld, t.lapsed = c.tooOld, c.tooOld, c.lapsed
	return lists, nil
}

// lookedUp are the changes of single keys.
func (t *transaction) lookedUp(tx *sqldb.Tx) (c changes) {
	for _, r := range t.req.Reads {
		if row := keyChanges.Get(tx, sinceName(t.req.Snapshot, r.Key)); row != nil {
			row.join(&c, r.Key)
		}
	}
	return c
}

// meetGroup looks at what the operations before this one in the group have changed. That
// is after the snapshot; without one, a list has to be read again.
func (t *transaction) meetGroup(tx *sqldb.Tx) error {
	if _, ok := t.since(); !ok && t.covered.lists == 0 {
		return nil
	}
	for key, c := range entries.Staged(tx) {
		r := stagedRange(Key(key), c.Row)
		switch {
		case !t.covered.meets(r):
		case t.req.Snapshot == "", c.Row != nil && c.Row.suffixed, c.Row.mayHaveExpired():
			return sqldb.ErrNextGroup
		default:
			t.conflict(Key(key), c.Row)
		}
	}
	return nil
}

// stagedRange is where a staged row will be.
func stagedRange(key Key, row *entryRow) Range {
	if row != nil && row.suffixed {
		return SubtreeRange(row.prefix)
	}
	return Range{Start: key, End: key + "\x00"}
}

// takeReads answers the reads.
func (t *transaction) takeReads(tx *sqldb.Tx, lists [][]sqldb.Row) error {
	if t.ahead != nil {
		t.answer.Reads = t.ahead.reads
		return nil
	}
	t.answer.Reads = make([][]Entry, len(t.req.Reads))
	for i, r := range t.req.Reads {
		if r.List == nil {
			t.answer.Reads[i] = make([]Entry, 1)
			if err := t.takeKey(tx, r.Key, &t.answer.Reads[i][0]); err != nil {
				return err
			}
			continue
		}
		page, cut := scanPage(lists[0], r.List.Limit)
		if cut {
			return errReadAhead
		}
		t.answer.Reads[i], lists = page.Entries, lists[1:]
	}
	return nil
}

// takeKey answers a read of a key.
func (t *transaction) takeKey(tx *sqldb.Tx, key Key, answer *Entry) error {
	row, err := seen(tx, key)
	*answer = row.entry(key)
	switch {
	case err != nil:
		return err
	case row == nil || row.versionstamp != "" && row.value != nil:
		return nil
	case row.value == nil:
		return errReadAhead // it is large
	case row.times != nil || t.req.Idempotency != nil:
		return sqldb.ErrNextGroup // what is answered, or kept, must be known now
	}
	t.pendingReads = append(t.pendingReads, pendingRead{answer, row.op, row.expireIn})
	return nil
}
