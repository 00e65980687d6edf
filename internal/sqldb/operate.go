package sqldb

import (
	"context"
	"sync"
	"time"
)

// RaiseIncarnation begins a new life of a database that was restored or
// replaced, and returns its number. Versionstamps go on in order, and
// positions of earlier lives are refused.
func (db *DB) RaiseIncarnation(ctx context.Context) (int64, error) {
	commit, err := db.Do(ctx, &Op{Name: "raise incarnation", InSQL: &InSQL{
		Exec: func(int) []Stmt {
			return []Stmt{
				{SQL: raiseSQL},
				{SQL: `DELETE FROM keyval_changelog`},
				{SQL: `DELETE FROM keyval_changelog_marks`},
				{SQL: `UPDATE keyval_changelog_size SET rows=0`},
			}
		},
		Outcome: func(string, int) Stmt { return Stmt{SQL: `SELECT incarnation FROM keyval_sequence`} },
	}})
	if err != nil {
		return 0, err
	}
	return commit.Rows[0].Integer(0), nil
}

const raiseSQL = `UPDATE keyval_sequence SET incarnation=incarnation+1,
compacted=printf('%04x%012x%04x',incarnation+1,txn,last_op)`

// nodeAge is how long the row of a node that writes no more is kept.
const nodeAge = 7 * 24 * time.Hour

var forgetNodes = Forgetting("forget nodes", "keyval_nodes", "boot_id", "time", nodeAge)

// ForgetNodes removes the rows of nodes that have not written for a week. One
// that is still there takes a new row with its next group.
func (db *DB) ForgetNodes(ctx context.Context, epoch int64) error {
	_, err := db.CleanUp(ctx, epoch, forgetNodes)
	return err
}

const positionsSQL = `SELECT ` + PositionSQL + ` FROM keyval_sequence s`

// Positions reads how far the primary and the replica are; "" for one that
// does not answer or is not there.
func (db *DB) Positions(ctx context.Context) (primary, replica Position) {
	primary = positionOf(ctx, db.primary)
	if db.replica != nil {
		replica = positionOf(ctx, db.replica)
	}
	return primary, replica
}

func positionOf(ctx context.Context, s *source) Position {
	rows, err := s.query(ctx, Stmt{SQL: positionsSQL})
	if err != nil {
		return ""
	}
	return Position(rows[0].Text(0))
}

// Ping tells whether reads can be served: the replica's answer is enough. Both are asked
// at once, because who asks does not wait for long.
func (db *DB) Ping(ctx context.Context) error {
	if db.replica == nil || db.primary.liveness == nil {
		return db.primary.ping(ctx)
	}
	ctx, cancel := Within(ctx, db.primary.liveness.patience())
	answers := make(chan error, 2)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	for _, s := range []*source{db.primary, db.replica} {
		asking.Go(func() { answers <- s.ping(ctx) })
	}
	if err := <-answers; err == nil {
		return nil
	}
	return <-answers
}

func (s *source) ping(ctx context.Context) error {
	_, err := s.query(ctx, Stmt{SQL: positionsSQL})
	return err
}

const sizeSQL = `SELECT page_count*page_size FROM pragma_page_count(),pragma_page_size()`

// Size is how many bytes the database's file has.
func (db *DB) Size(ctx context.Context) (int64, error) {
	rows, err := db.primary.query(ctx, Stmt{SQL: sizeSQL})
	if err != nil {
		return 0, err
	}
	return rows[0].Integer(0), nil
}
