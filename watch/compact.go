package watch

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

// What is known of the change log, whose rows are kv's. keyval_changelog_marks says how
// old it was where, keyval_changelog_size, of one row, how long it is:
//
//	versionstamp  00000000000000050000  a mark: what stands up to here is as old
//	time          1795707770291
//
//	rows          3
//	counted       00000000000000050000  rows up to here are counted

// compactRows is about how many rows of the change log one transaction
// removes: whole operations, of which the largest have so many.
const compactRows = 1000

// Compact removes from the change log what is older than retention or beyond
// maxRows, the oldest first, and returns how many rows. Both are bounds on what
// is kept: whichever leaves less counts. epoch is the leader's, 0 for none.
//
// The log knows no times. Each run marks the log's end with the time and
// removes what stands before a mark that is old enough, so that rows live for
// up to the interval between two runs longer than retention, and never
// shorter. A run that finds nothing new writes nothing.
func Compact(ctx context.Context, db *sqldb.DB, epoch int64, retention time.Duration, maxRows int64) (int64, error) {
	if _, err := db.CleanUp(ctx, epoch, marking()); err != nil {
		return 0, err
	}
	c := compaction{retention: retention, maxRows: maxRows, before: -1}
	_, err := db.CleanUp(ctx, epoch, sqldb.Cleanup{Name: "compact", Look: c.look, Batch: c.batch})
	return max(0, c.before-c.rows), err
}

const (
	// countSQL counts a bounded number of rows that have not been counted, whole
	// operations, and says where they begin and end, and where the log does.
	countSQL = `SELECT count(*),(` + countedToSQL + `),e.v,(SELECT ` + sqldb.PositionSQL + ` FROM keyval_sequence s) FROM (
SELECT max(versionstamp) v FROM (
SELECT versionstamp FROM keyval_changelog WHERE versionstamp>(` + countedToSQL + `) AND versionstamp<=?1 ORDER BY versionstamp LIMIT 50000)
) e JOIN keyval_changelog l ON l.versionstamp>(` + countedToSQL + `) AND l.versionstamp<=e.v`

	countedToSQL = `SELECT counted FROM keyval_changelog_size`

	countedSQL = `UPDATE keyval_changelog_size SET rows=rows+?1,counted=?2 WHERE counted=?3`

	markSQL = `INSERT OR IGNORE INTO keyval_changelog_marks(versionstamp,time) SELECT ?1,s.time FROM keyval_sequence s`
)

// marking brings the size of the log up to date and marks its end.
func marking() sqldb.Cleanup {
	end := "g" // of the log when it was looked at first; before that, after everything
	return sqldb.Cleanup{
		Name: "mark",
		Look: func(int64) sqldb.Stmt { return sqldb.Stmt{SQL: countSQL, Args: []any{end}} },
		Batch: func(found []sqldb.Row) *sqldb.InSQL {
			rows, from, to := found[0].Integer(0), found[0].Text(1), found[0].Text(2)
			end = min(end, found[0].Text(3))
			if rows == 0 {
				return nil
			}
			return sqldb.Statements(
				sqldb.Stmt{SQL: countedSQL, Args: []any{rows, to, from}},
				sqldb.Stmt{SQL: markSQL, Args: []any{to}})
		},
	}
}

// A compaction is one run.
type compaction struct {
	retention    time.Duration
	maxRows      int64
	before, rows int64 // in the log, when it was looked at first (-1 until then) and last
}

// oldestSQL selects the oldest rows, each with the size of the log and the newest mark
// that is old enough. There is always one row, if only for these.
const oldestSQL = `SELECT l.versionstamp,z.rows,
(SELECT max(m.versionstamp) FROM keyval_sequence s,keyval_changelog_marks m WHERE m.time<=` + sqldb.DueSQL + `-?2)
FROM keyval_changelog_size z LEFT JOIN (SELECT versionstamp FROM keyval_changelog ORDER BY versionstamp LIMIT ?3) l ORDER BY l.versionstamp`

func (c *compaction) look(until int64) sqldb.Stmt {
	return sqldb.Stmt{SQL: oldestSQL, Args: []any{until, c.retention.Milliseconds(), int64(compactRows + 1)}}
}

// batch removes the oldest rows, if they stand before the mark or are too many. The mark
// of what is gone moves in the same transaction, so that nobody takes a log with a gap
// for a whole one.
func (c *compaction) batch(found []sqldb.Row) *sqldb.InSQL {
	c.rows = found[0].Integer(1)
	if c.before < 0 {
		c.before = c.rows
	}
	oldest := make([]string, len(found))
	for i, row := range found {
		oldest[i] = row.Text(0)
	}
	end := removable(oldest, found[0].Text(2), c.rows-c.maxRows)
	if end == "" {
		return nil
	}
	return sqldb.Statements(
		sqldb.Stmt{SQL: `DELETE FROM keyval_changelog WHERE versionstamp<=?1`, Args: []any{end}},
		sqldb.Stmt{SQL: `UPDATE keyval_changelog_size SET rows=rows-changes()`},
		sqldb.Stmt{SQL: `UPDATE keyval_sequence SET compacted=max(compacted,?1)`, Args: []any{end}},
		sqldb.Stmt{SQL: `DELETE FROM keyval_changelog_marks WHERE versionstamp<=?1`, Args: []any{end}})
}

// removable is the versionstamp up to which rows go in one step, "" for none,
// when oldest are those of the oldest rows: operations are whole, and at most
// compactRows rows if the first of them has no more by itself.
func removable(oldest []string, old string, excess int64) string {
	n := 0
	for n < len(oldest) && n < compactRows && (oldest[n] <= old || int64(n) < excess) {
		n++
	}
	if n == 0 {
		return ""
	}
	end := oldest[n-1]
	if last := oldest[len(oldest)-1]; len(oldest) > compactRows && last == end {
		// The operation may have more rows than there is room for.
		for n > 0 && oldest[n-1] == end {
			n--
		}
		if n > 0 {
			end = oldest[n-1]
		}
	}
	return end
}
