package kv

import (
	"cmp"
	"slices"

	"github.com/buntime/keyval/internal/sqldb"
)

// coverage is what a transaction's reads cover: whole keys and ranges, disjoint and in
// order.
type coverage struct {
	ranges []Range
	lists  int // how many of the reads are lists; the others are keys
}

func coverageOf(reads []Read) coverage {
	var keys []Key
	var ranges []Range
	for _, r := range reads {
		if r.List != nil {
			ranges = append(ranges, r.List.Range)
		} else {
			keys = append(keys, r.Key)
		}
	}
	return coverage{mergeRanges(keys, ranges), len(ranges)}
}

// meets tells whether a range has something in common with what is covered.
func (c *coverage) meets(r Range) bool {
	i, _ := slices.BinarySearchFunc(c.ranges, r.Start, func(c Range, start Key) int {
		if c.End > start {
			return 1
		}
		return -1
	})
	return i < len(c.ranges) && c.ranges[i].Start < r.End
}

// since is a state that was read: its position, and the time that the reading went by,
// nil if that is not known.
type since struct {
	position Versionstamp
	time     any // Unix milliseconds
}

// changes are what has happened to what is covered, since it was read.
type changes struct {
	newer  bool // the state is newer than the database
	tooOld bool // the log does not reach back to it
	more   bool // too much has happened to tell under the lock
	found  []Check
	// lapsed: something has expired that may have been there, or not any more.
	lapsed bool
}

func (c *changes) any() bool { return c.newer || c.tooOld || len(c.found) > 0 }

var (
	sinceSQL = `SELECT ?1` + sqldb.AfterAllSQL + `,?1<s.compacted FROM keyval_sequence s`

	// An entry that has expired and not been removed has changed if it may have been
	// there when the state was read. ?2 is the state's position and ?3 its time, NULL if
	// that is not known.
	lapsedSQL = `e.expires_at>coalesce(?3,` + sqldb.TimeSinceSQL("?2") + `) AND e.expires_at<=` + sqldb.NowSQL

	versionSQL = `iif(` + AliveSQL + `,e.versionstamp,'')`

	// changesSQL goes through the entries that are covered. Conflicts are named up to a
	// bound: a client needs to know that there are some, and where.
	changesSQL = rangesSQL + `
SELECT e.key,` + versionSQL + `,e.versionstamp<=?2
FROM keyval_sequence s CROSS JOIN r CROSS JOIN kv_entries e
WHERE e.key>=r.start AND e.key<r.stop AND (e.versionstamp>?2 OR ` + lapsedSQL + `)
UNION ALL SELECT c.key,coalesce(e.versionstamp,''),0 FROM r CROSS JOIN keyval_changelog c LEFT JOIN kv_entries e ON e.key=c.key
WHERE c.op<>'s' AND c.key>=r.start AND c.key<r.stop AND c.versionstamp>?2 LIMIT 100`

	// loggedSQL goes through the change log since then, and through what has expired, up to
	// ?4 of each; its first row tells whether there is more.
	loggedSQL = rangesSQL + `,
logged(key) AS MATERIALIZED (SELECT c.key FROM keyval_changelog c WHERE c.versionstamp>?2 ORDER BY c.versionstamp LIMIT ?4),
lapsed(key) AS MATERIALIZED (SELECT e.key FROM keyval_sequence s CROSS JOIN kv_entries e INDEXED BY idx_kv_expires WHERE ` + lapsedSQL + ` LIMIT ?4)
SELECT NULL,NULL,(SELECT count(*) FROM logged)>=?4 OR (SELECT count(*) FROM lapsed)>=?4
UNION ALL SELECT * FROM (
SELECT w.key,coalesce(` + versionSQL + `,''),w.lapsed
FROM keyval_sequence s CROSS JOIN (SELECT key,0 AS lapsed FROM logged UNION ALL SELECT key,1 FROM lapsed) w CROSS JOIN r LEFT JOIN kv_entries e ON e.key=w.key
WHERE w.key>=r.start AND w.key<r.stop LIMIT 100)`
)

const (
	// maxCompared bounds how often a row of the log is compared with a range under the
	// lock: some milliseconds.
	maxCompared = 50_000
	// mostLogged and leastLogged bound the rows of the log that are looked at.
	mostLogged, leastLogged = 5_000, 100
)

// lockedStmts ask under the lock what has changed. Single keys are looked up; for ranges,
// which may have any number of entries, the log is gone through. What would take longer is
// done ahead, in a snapshot; if so much happens meanwhile, the more is allowed the more
// often that was tried.
func (c *coverage) lockedStmts(s since, tries int) []sqldb.Stmt {
	if c.lists == 0 {
		return c.stmts(s)
	}
	rows := min(max(maxCompared/max(1, len(c.ranges)), leastLogged), mostLogged) << min(tries, 4)
	return c.ask(loggedSQL, s, int64(rows))
}

// stmts ask the same in a snapshot, where nobody waits.
func (c *coverage) stmts(s since) []sqldb.Stmt { return c.ask(changesSQL, s) }

func (c *coverage) ask(text string, s since, more ...any) []sqldb.Stmt {
	stmts := []sqldb.Stmt{{SQL: sinceSQL, Args: []any{string(s.position)}}}
	for _, ranges := range renderRanges(c.ranges) {
		stmts = append(stmts, sqldb.Stmt{SQL: text, Args: append([]any{ranges, string(s.position), s.time}, more...)})
	}
	return stmts
}

// scanChanges reads the results of either.
func scanChanges(results [][]sqldb.Row) changes {
	state := results[0][0]
	c := changes{newer: state.Integer(0) == 1, tooOld: state.Integer(1) == 1}
	for _, rows := range results[1:] {
		for _, row := range rows {
			if key := Key(row.Bytes(0)); key == "" {
				c.more = c.more || row.Integer(2) == 1
			} else {
				c.found = append(c.found, Check{Key: key, Versionstamp: Versionstamp(row.Text(1))})
				c.lapsed = c.lapsed || row.Integer(2) == 1
			}
		}
	}
	slices.SortStableFunc(c.found, func(a, b Check) int { return cmp.Compare(a.Key, b.Key) })
	c.found = slices.CompactFunc(c.found, func(a, b Check) bool { return a.Key == b.Key })
	return c
}
