package watch

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

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
	c := &compaction{db: db, epoch: epoch}
	if err := c.count(ctx); err != nil {
		return 0, err
	}
	old, err := c.oldMark(ctx, retention)
	if err != nil {
		return 0, err
	}
	removed := int64(0)
	for {
		n, err := c.step(ctx, old, c.rows-maxRows)
		removed, c.rows = removed+n, c.rows-n
		if err != nil || n == 0 {
			return removed, err
		}
	}
}

// A compaction is one run.
type compaction struct {
	db    *sqldb.DB
	epoch int64
	rows  int64 // in the log
}

const (
	sizeSQL = `SELECT z.rows,z.counted,` + sqldb.PositionSQL + ` FROM keyval_changelog_size z,keyval_sequence s`

	// countSQL counts a bounded number of rows, whole operations, and says
	// where they end.
	countSQL = `SELECT count(*),e.v FROM (
SELECT max(versionstamp) v FROM (
SELECT versionstamp FROM keyval_changelog WHERE versionstamp>?1 AND versionstamp<=?2 ORDER BY versionstamp LIMIT 50000)
) e JOIN keyval_changelog l ON l.versionstamp>?1 AND l.versionstamp<=e.v`

	countedSQL = `UPDATE keyval_changelog_size SET rows=rows+?1,counted=?2 WHERE counted=?3`

	markSQL = `INSERT OR IGNORE INTO keyval_changelog_marks(versionstamp,time) SELECT ?1,s.time FROM keyval_sequence s`

	oldMarkSQL = `SELECT max(m.versionstamp) FROM keyval_sequence s,keyval_changelog_marks m WHERE m.time<=` + sqldb.NowSQL + `-?1`

	oldestSQL = `SELECT versionstamp FROM keyval_changelog ORDER BY versionstamp LIMIT ?1`
)

// query asks the primary. A call that hangs does not hold up the job for ever.
func (c *compaction) query(ctx context.Context, st sqldb.Stmt) ([]sqldb.Row, error) {
	ctx, cancel := sqldb.Within(ctx, primaryTimeout)
	defer cancel()
	return c.db.Primary().Query(ctx, st)
}

// count brings the size of the log up to date and marks its end.
func (c *compaction) count(ctx context.Context) error {
	rows, err := c.query(ctx, sqldb.Stmt{SQL: sizeSQL})
	if err != nil {
		return err
	}
	c.rows = rows[0].Integer(0)
	counted, position := rows[0].Text(1), rows[0].Text(2)
	for {
		rows, err := c.query(ctx, sqldb.Stmt{SQL: countSQL, Args: []any{counted, position}})
		if err != nil || rows[0].Integer(0) == 0 {
			return err
		}
		end := rows[0].Text(1)
		if c.rows, err = c.do(ctx, "mark",
			sqldb.Stmt{SQL: countedSQL, Args: []any{rows[0].Integer(0), end, counted}},
			sqldb.Stmt{SQL: markSQL, Args: []any{end}}); err != nil {
			return err
		}
		counted = end
	}
}

// oldMark is the newest mark that is at least as old as retention, "" if there
// is none.
func (c *compaction) oldMark(ctx context.Context, retention time.Duration) (string, error) {
	rows, err := c.query(ctx, sqldb.Stmt{SQL: oldMarkSQL, Args: []any{retention.Milliseconds()}})
	if err != nil {
		return "", err
	}
	return rows[0].Text(0), nil
}

// step removes the oldest rows, if they stand before the mark or are too many,
// and returns how many. The mark of what is gone moves in the same
// transaction, so that nobody takes a log with a gap for a whole one.
func (c *compaction) step(ctx context.Context, old string, excess int64) (int64, error) {
	rows, err := c.query(ctx, sqldb.Stmt{SQL: oldestSQL, Args: []any{int64(compactRows + 1)}})
	if err != nil {
		return 0, err
	}
	oldest := make([]string, len(rows))
	for i, row := range rows {
		oldest[i] = row.Text(0)
	}
	end := removable(oldest, old, excess)
	if end == "" {
		return 0, nil
	}
	left, err := c.do(ctx, "compact",
		sqldb.Stmt{SQL: `DELETE FROM keyval_changelog WHERE versionstamp<=?1`, Args: []any{end}},
		sqldb.Stmt{SQL: `UPDATE keyval_changelog_size SET rows=rows-changes()`},
		sqldb.Stmt{SQL: `UPDATE keyval_sequence SET compacted=max(compacted,?1)`, Args: []any{end}},
		sqldb.Stmt{SQL: `DELETE FROM keyval_changelog_marks WHERE versionstamp<=?1`, Args: []any{end}})
	return c.rows - left, err
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

// do carries out statements in the leader's name and returns the log's size.
func (c *compaction) do(ctx context.Context, name string, stmts ...sqldb.Stmt) (int64, error) {
	commit, err := c.db.Do(ctx, &sqldb.Op{Name: name, Epoch: c.epoch, InSQL: &sqldb.InSQL{
		Exec:    func(int) []sqldb.Stmt { return stmts },
		Outcome: func(string, int) sqldb.Stmt { return sqldb.Stmt{SQL: "SELECT rows FROM keyval_changelog_size"} },
	}})
	if err != nil {
		return c.rows, err
	}
	return commit.Rows[0].Integer(0), nil
}
