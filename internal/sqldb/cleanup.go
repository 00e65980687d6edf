package sqldb

import (
	"context"
	"math"
	"strconv"
	"time"
)

// A Cleanup is a leader's work on rows that have come to the end of their time: to look,
// to do a batch, and to look again until nothing is left of what was due when the first
// batch was done. With nothing to do it only reads.
type Cleanup struct {
	// Name is that of its operations.
	Name string
	// Look asks the primary for what there is to do. What counts is what is due by now,
	// and by until (Unix milliseconds): see DueSQL.
	Look func(until int64) Stmt
	// Batch does some of what Look has found, which is not nothing: at most CleanupRows
	// rows. Nil if there is nothing to do after all.
	Batch func(found []Row) *InSQL
}

// CleanupRows is how many rows a batch changes at most.
const CleanupRows = 1000

// lookTime bounds a look: one that hangs must not hold up the job for ever.
const lookTime = 10 * time.Second

// CleanUp does a leader's work and returns the sum of what the batches' outcomes, if they
// have any, begin with. Each batch is conditional on the epoch, 0 for none: ErrFenced
// means that a newer leader has taken over.
func (db *DB) CleanUp(ctx context.Context, epoch int64, c Cleanup) (done int64, err error) {
	for until := int64(math.MaxInt64); ; {
		batch, err := db.look(ctx, c, until)
		if err != nil || batch == nil {
			return done, err
		}
		commit, err := db.Do(ctx, &Op{Name: c.Name, Epoch: epoch, Rows: CleanupRows, Relieves: true, InSQL: batch})
		if err != nil {
			return done, err
		}
		if len(commit.Rows) > 0 {
			done += commit.Rows[0].Integer(0)
		}
		until = min(until, commit.Time)
	}
}

// look returns the next batch, nil for none.
func (db *DB) look(ctx context.Context, c Cleanup, until int64) (*InSQL, error) {
	ctx, cancel := Within(ctx, lookTime)
	defer cancel()
	found, err := db.primary.Query(ctx, c.Look(until))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return c.Batch(found), nil
}

// DueSQL is the time by which Cleanup.Look finds what is due, where ?1 is until. The
// statement must join keyval_sequence as s.
const DueSQL = "min(?1," + NowSQL + ")"

// AgoSQL is a time so long before another one, such as NowSQL, DueSQL or s.time.
func AgoSQL(age time.Duration, now string) string {
	return "(" + now + "-" + strconv.FormatInt(age.Milliseconds(), 10) + ")"
}

// Forgetting is the clean-up of a table whose rows count for so long after the time in
// one of its columns, which must have an index.
func Forgetting(name, table, key, column string, age time.Duration) Cleanup {
	old := ` FROM keyval_sequence s CROSS JOIN ` + table + ` t WHERE t.` + column + `<=`
	look := `SELECT 1` + old + AgoSQL(age, DueSQL) + ` LIMIT 1`
	forget := Stmt{SQL: `DELETE FROM ` + table + ` WHERE ` + key + ` IN (
SELECT t.` + key + old + AgoSQL(age, "s.time") + ` LIMIT ` + strconv.Itoa(CleanupRows) + `)`}
	return Cleanup{
		Name:  name,
		Look:  func(until int64) Stmt { return Stmt{SQL: look, Args: []any{until}} },
		Batch: func([]Row) *InSQL { return Statements(forget) },
	}
}
