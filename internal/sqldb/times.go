package sqldb

import (
	"context"
	"time"
)

// A row of keyval_times says what time it was at a transaction:
//
//	versionstamp  00000000000000030000
//	time          1795707764287

// timeStep is how often a node that writes notes the time, in keyval_times.
const timeStep = time.Second

// timeAge is how long such a time is kept.
const timeAge = time.Hour

var noteTimeSQL = `INSERT OR REPLACE INTO keyval_times(versionstamp,time)
SELECT ` + StampSQL("0") + `,s.time FROM keyval_sequence s`

var forgetTimesSQL = `DELETE FROM keyval_times WHERE versionstamp IN (SELECT versionstamp FROM keyval_times ORDER BY versionstamp LIMIT 100)
AND time<` + AgoSQL(timeAge, "(SELECT time FROM keyval_sequence)")

// TimeSinceSQL is a time by which a snapshot with the position cannot have been read
// yet: while the database is written, one of at most a second before. It is 0 for a
// snapshot that nothing is known of any more.
func TimeSinceSQL(position string) string {
	return `coalesce((SELECT t.time FROM keyval_times t WHERE t.versionstamp<=` + position + ` ORDER BY t.versionstamp DESC LIMIT 1),0)`
}

// notesTime are the statements that note the transaction's time, if it is time to.
func (c *committer) notesTime() []Stmt {
	if time.Since(c.noted) < timeStep {
		return nil
	}
	c.noted = time.Now()
	return []Stmt{{SQL: noteTimeSQL}, {SQL: forgetTimesSQL}}
}

// NoteTime makes the time known at which snapshots are read from now on.
func (db *DB) NoteTime(ctx context.Context) error {
	_, err := db.Do(ctx, &Op{Name: "note time", InSQL: Statements(Stmt{SQL: noteTimeSQL})})
	return err
}
