package kv

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
)

// listMatches reads the entries of a range that match. Each page is a snapshot of its own.
func (s *Store) listMatches(ctx context.Context, sel Selector, opts ReadOptions) (Page, error) {
	kind := listMatchesForward
	if sel.Reverse {
		kind = listMatchesReverse
	}
	l := &matchList{sel: sel, budget: newBudget(), patience: patience(ctx, sel.Within)}
	scan := s.scan(kind, sel.Where, opts)
	for !l.done {
		// One match more than are wanted, to tell whether there is one.
		wanted := int64(sel.Limit-len(l.page.Entries)) + 1
		found, err := scan.look(ctx, []byte(l.sel.Range.Start), []byte(l.sel.Range.End), wanted)
		if err != nil {
			return Page{}, err
		}
		l.add(found)
	}
	return l.page, nil
}

// patience tells whether a list that may give up is to do so: after a time, and while half
// of its caller's is left.
func patience(ctx context.Context, within time.Duration) (over func() bool) {
	if within == 0 {
		return func() bool { return false }
	}
	if deadline, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(deadline)/2)
	}
	end := time.Now().Add(within)
	return func() bool { return !time.Now().Before(end) }
}

// A matchList is a list of matches that is being read.
type matchList struct {
	sel      Selector // its range is what is left
	page     Page
	budget   *budget
	patience func() bool
	done     bool
}

func (l *matchList) add(found scanned) {
	l.page.Versionstamp = oldest(l.page.Versionstamp, found.position)
	for _, row := range found.rows {
		if !l.take(row) {
			l.stop(l.page.Entries[len(l.page.Entries)-1].Key)
			return
		}
	}
	if found.ended {
		l.done = true
		return
	}
	l.sel.Range = l.sel.Range.After(found.last, l.sel.Reverse)
	if len(l.page.Entries) == l.sel.Limit || l.patience() {
		l.stop(found.last)
	}
}

// take adds an entry, if it is wanted.
func (l *matchList) take(row sqldb.Row) bool {
	e := Entry{Key: Key(row.Bytes(0)), Value: row.Bytes(1), Versionstamp: Versionstamp(row.Text(2)), ExpiresAt: row.Integer(3)}
	if len(l.page.Entries) == l.sel.Limit || !l.budget.take([]int64{int64(len(e.Key) + len(e.Value))}) {
		return false
	}
	l.page.Entries = append(l.page.Entries, e)
	return true
}

// stop ends the list where there may be more behind a key.
func (l *matchList) stop(last Key) { l.done, l.page.More, l.page.Last = true, true, last }

// oldest is the position that misses nothing of either: what a list of several snapshots
// is watched from. Only a replica that may be of any age goes back from one to the next.
func oldest(a, b Versionstamp) Versionstamp {
	if a == "" {
		return b
	}
	return min(a, b)
}

// countMatches counts the entries of a range that match, page by page.
func (s *Store) countMatches(ctx context.Context, r Range, where *filter.Filter, opts ReadOptions) (int64, Versionstamp, error) {
	var count int64
	var position Versionstamp
	scan := s.scan(countMatches, where, opts)
	for {
		found, err := scan.look(ctx, []byte(r.Start), []byte(r.End), -1)
		if err != nil {
			return 0, "", err
		}
		count += found.rows[0].Integer(0)
		position = oldest(position, found.position)
		if found.ended {
			return count, position, nil
		}
		r = r.After(found.last, false)
	}
}
