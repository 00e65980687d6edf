package sqldb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

const createAged = `CREATE TABLE aged(name TEXT PRIMARY KEY, made_at INTEGER NOT NULL)`

// fillAged makes so many rows of an age, by the transaction's time.
func fillAged(name string, n int, age time.Duration) string {
	return fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)
INSERT INTO aged SELECT '%s'||n.i,%s FROM n,keyval_sequence s`, n, name, sqldb.AgoSQL(age, "s.time"))
}

// forgetHours is the clean-up of rows that are older than an hour.
var forgetHours = sqldb.Forgetting("forget", "aged", "name", "made_at", time.Hour)

// one is the number that a statement selects.
func one(t *testing.T, db *sqldb.DB, text string) int64 {
	t.Helper()
	rows, err := db.Primary().Query(timeout(t), sqldb.Stmt{SQL: text})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%s: %d rows, %v", text, len(rows), err)
	}
	return rows[0].Integer(0)
}

const transactionsSQL = `SELECT txn FROM keyval_sequence`

func TestACleanupGoesOnUntilNothingIsLeftAndThenOnlyReads(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		mustDo(t, db, run(createAged, fillAged("old", 2*sqldb.CleanupRows+1, 2*time.Hour), fillAged("young", 2, time.Minute)))
		for _, want := range []int64{3, 0} {
			before := one(t, db, transactionsSQL)
			if _, err := db.CleanUp(timeout(t), 0, forgetHours); err != nil {
				t.Fatal(err)
			}
			if made := one(t, db, transactionsSQL) - before; made != want {
				t.Errorf("%d transactions, want %d", made, want)
			}
			if left := one(t, db, `SELECT count(*) FROM aged`); left != 2 {
				t.Errorf("%d rows are left, want the 2 young ones", left)
			}
		}
	})
}

func TestACleanupOfALeaderWhoseEpochIsOverChangesNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		mustDo(t, db, run(createAged, fillAged("old", 3, 2*time.Hour)))
		_, err := db.CleanUp(timeout(t), 7, forgetHours)
		wantErr(t, answer{err: err}, sqldb.ErrFenced)
		if left := one(t, db, `SELECT count(*) FROM aged`); left != 3 {
			t.Errorf("%d rows are left, want 3", left)
		}
	})
}

// Each batch leaves one more that is due at once.
func TestACleanupEndsHoweverMuchComesDueMeanwhile(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		mustDo(t, db, run(createAged, fillAged("old", 1, 0)))
		endless := sqldb.Forgetting("forget", "aged", "name", "made_at", 0)
		forget, batches := endless.Batch, 0
		endless.Batch = func(found []sqldb.Row) *sqldb.InSQL {
			batches++
			stmts := append(forget(found).Exec(0), sqldb.Stmt{SQL: fillAged("new", 1, 0)})
			return &sqldb.InSQL{
				Exec:    func(int) []sqldb.Stmt { return stmts },
				Outcome: func(string, int) sqldb.Stmt { return sqldb.Stmt{SQL: "SELECT 10"} },
			}
		}
		done, err := db.CleanUp(timeout(t), 0, endless)
		if err != nil || done != 10*int64(batches) || batches == 0 {
			t.Errorf("%d batches are said to have done %d, %v; want 10 each", batches, done, err)
		}
	})
}

func TestRowsOfNodesThatHaveNotWrittenForAWeekAreForgotten(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		const day = 24 * time.Hour
		for boot, age := range map[string]time.Duration{"gone": 8 * day, "idle": 6 * day} {
			mustDo(t, db, run(fmt.Sprintf(`INSERT INTO keyval_nodes SELECT '%s',1,0,1,%s FROM keyval_sequence s`, boot, sqldb.AgoSQL(age, "s.time"))))
		}
		for range 2 {
			if err := db.ForgetNodes(timeout(t), 0); err != nil {
				t.Fatal(err)
			}
			if left := one(t, db, `SELECT count(*) FILTER (WHERE boot_id='idle')*10+count(*) FILTER (WHERE boot_id='gone') FROM keyval_nodes`); left != 10 {
				t.Errorf("%d, want 10: that the idle one is there and the one that is gone is not", left)
			}
		}
		mustDo(t, db, put("n", 1)) // this one's own row is there
	})
}

func TestWhatIsDoneInSQLNeedsNoOutcome(t *testing.T) {
	t.Parallel()
	mute := func(text string) *sqldb.Op {
		return &sqldb.Op{Name: "mute", InSQL: sqldb.Statements(sqldb.Stmt{SQL: text})}
	}
	says := func(outcome, name string) *sqldb.Op {
		op := run("INSERT INTO cells VALUES ('" + name + "',1,'')")
		op.InSQL.Outcome = func(string, int) sqldb.Stmt { return sqldb.Stmt{SQL: "SELECT " + outcome} }
		return op
	}
	for name, lose := range map[string]bool{"answered": false, "the answer is lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehindProxy(t)
			release := blockCommitter(t, b.db)
			var answers []<-chan answer
			for i, op := range []*sqldb.Op{mute("INSERT INTO cells VALUES ('a',1,'')"), says("7", "b"), mute("INSERT INTO cells VALUES ('c',1,'')"), says("8", "d")} {
				answers = append(answers, start(timeout(t), b.db, op))
				waitPending(t, b.db, i+1)
			}
			if lose {
				fault := b.proxy.CutNextAnswer(commitBatch)
				defer wait(t, fault)
			}
			release()
			for i, want := range [][]int64{nil, {7}, nil, {8}} {
				a := receive(t, answers[i])
				if a.err != nil || len(a.commit.Rows) != len(want) || len(want) > 0 && a.commit.Rows[0].Integer(0) != want[0] {
					t.Errorf("operation %d: %v, %v; want %v", i, a.commit.Rows, a.err, want)
				}
			}
			if n := one(t, b.direct, "SELECT sum(n) FROM cells"); n != 4 {
				t.Errorf("%d rows, want 4", n)
			}
		})
	}
}
