package sqldb

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const registerSQL = `INSERT INTO keyval_nodes(boot_id,last_group,incarnation,txn,time)
SELECT ?1,0,s.incarnation,0,` + NowSQL + ` FROM keyval_sequence s`

// register gives this node a row of its own, under a new boot id.
func (c *committer) register(ctx context.Context) error {
	c.boot, c.lastGroup = uuid.NewString(), 0
	if _, err := c.session.run(ctx, Stmt{SQL: registerSQL, Args: []any{c.boot}}); err != nil {
		return fmt.Errorf("register with the database: %w", err)
	}
	return nil
}

// reregister goes on under a new row after the old one has vanished or gone
// back: it was cleaned away, or the database was restored. No group of the old
// row is open: each was answered or closed, or finds no such predecessor.
func (c *committer) reregister() error {
	ctx, cancel := context.WithTimeout(c.life, roundTripTime)
	defer cancel()
	if err := c.register(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return errRetry
}

const (
	closeSQL  = `UPDATE keyval_nodes SET last_group=?2,txn=0 WHERE boot_id=?1 AND last_group=?2-1`
	closedSQL = `SELECT incarnation,txn,time FROM keyval_nodes WHERE boot_id=?1 AND last_group=?2`
)

// recover learns what became of a group whose answer was lost, or whose error
// does not tell. Neither does "not the successor of the last group": the batch
// may have arrived twice and the first time have been done. The batch may still be waiting for the lock inside sqld, so
// it is not enough to look: closing the group's number either finds it done,
// or makes sure that it can never happen.
func (a *attempt) recover(number int64, outcomes []Stmt, cause error) (Commit, [][]Row, error) {
	a.db.metrics.lost.Inc()
	if verdictOf(cause) == repeatable {
		a.log.Debug("a commit's outcome is being asked for", "error", cause)
	} else {
		a.log.Warn("a commit's outcome is being asked for", "error", cause)
	}
	stmts := append([]Stmt{
		{SQL: "BEGIN IMMEDIATE"},
		{SQL: closeSQL, Args: []any{a.boot, number}},
		{SQL: closedSQL, Args: []any{a.boot, number}},
	}, outcomes...)
	stmts = append(stmts, Stmt{SQL: "COMMIT"})
	results, err := a.insist(stmts)
	if err != nil {
		return Commit{}, nil, err
	}
	a.lastGroup = number
	switch closed := results[2]; {
	case len(closed) == 0:
		return Commit{}, nil, a.reregister()
	case integer(closed[0][1]) == 0:
		return Commit{}, nil, notDone(cause)
	}
	return commitOf(results[2][0]), results[3 : len(results)-1], nil
}

// notDone is what a cause means for a group that has not happened.
func notDone(cause error) error {
	switch verdict := verdictOf(cause); {
	case verdict == outcomeUnknown, verdict == outage, guardReason(cause) != "":
		return errRetry // the database works: it has just been asked
	}
	return undone(cause)
}

// insist runs statements until they have been answered. Meanwhile writes are
// refused at once, and callers that run out of time leave.
func (a *attempt) insist(stmts []Stmt) ([][]Row, error) {
	pause := 10 * time.Millisecond
	for try := 0; ; try++ {
		ctx, cancel := context.WithTimeout(a.life, roundTripTime)
		results, err := a.session.run(ctx, stmts...)
		cancel()
		if err == nil {
			return results, nil
		}
		if try == 3 {
			a.setDown(true)
		}
		select {
		case <-a.life.Done():
			return nil, ErrCommitUnknown
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}
