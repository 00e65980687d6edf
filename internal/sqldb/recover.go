package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// Each node has a row of keyval_nodes, by boot:
//
//	boot_id      f4368447-819e-4678-a011-5bbf4a0a8104
//	last_group   8              a group commits only as the next one
//	incarnation  0
//	txn          8              0: the group was closed, it never happened
//	time         1795707765277

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
		return failure(err)
	}
	return errRetry
}

const (
	closeSQL  = `UPDATE keyval_nodes SET last_group=?2,txn=0 WHERE boot_id=?1 AND last_group=?2-1`
	closedSQL = `SELECT incarnation,txn,time FROM keyval_nodes WHERE boot_id=?1 AND last_group=?2`
)

// recover learns what became of a group whose answer was lost, or whose error
// does not tell. Neither does "not the successor of the last group": the batch
// may have arrived twice and the first time have been done. The batch may still be
// waiting for the lock inside sqld, so it is not enough to look: closing the group's
// number either finds it done, or makes sure that it can never happen.
func (a *attempt) recover(number int64, outcomes []Stmt, cause error) (Commit, [][]Row, error) {
	a.db.metrics.lost.Inc()
	level := slog.LevelDebug
	if verdictOf(cause) == outcomeUnknown {
		level = slog.LevelWarn
	}
	a.log.Log(a.life, level, "a commit's outcome is being asked for", "error", cause)
	results, err := a.closeNumber(number, outcomes, cause)
	if err != nil {
		return Commit{}, nil, err
	}
	if closed := results[0][0]; integer(closed[1]) != 0 {
		return commitOf(closed), results[1:], nil
	}
	return Commit{}, nil, notDone(cause)
}

// closeUnsent is for a locked group that is not the successor of the last one. Nothing
// of it has been sent that could commit: its number has been used up, or the node's row
// is gone.
func (c *committer) closeUnsent(cause error) error {
	results, err := c.closeNumber(c.lastGroup+1, nil, cause)
	switch {
	case err != nil:
		return err
	case integer(results[0][0][1]) != 0:
		return ErrCommitUnknown // an earlier try was carried out after it had been refused
	}
	return errRetry
}

// closeNumber makes sure that a group's number is used up, and returns the row that
// tells by what, followed by the results of outcomes.
func (c *committer) closeNumber(number int64, outcomes []Stmt, cause error) ([][]Row, error) {
	stmts := append([]Stmt{
		{SQL: "BEGIN IMMEDIATE"},
		{SQL: closeSQL, Args: []any{c.boot, number}},
		{SQL: closedSQL, Args: []any{c.boot, number}},
	}, outcomes...)
	results, err := c.insist(append(stmts, Stmt{SQL: "COMMIT"}), cause)
	if err != nil {
		return nil, err
	}
	c.lastGroup, c.unclosed = number, nil
	if results = results[2 : len(results)-1]; len(results[0]) == 0 {
		return nil, c.reregister()
	}
	return results, nil
}

// closeUnclosed closes the number of a group that could not be closed when it failed, since
// nothing could be written. Its batch may have arrived twice, and must not be done
// now, nor be taken for the next group.
func (c *committer) closeUnclosed() error {
	if c.unclosed == nil {
		return nil
	}
	_, err := c.closeNumber(c.lastGroup+1, nil, c.unclosed)
	if errors.Is(err, ErrCommitUnknown) {
		err = ErrUnavailable // that is the group before; this one has not been sent
	}
	return err
}

// notDone is what a cause means for a group that has not happened.
func notDone(cause error) error {
	switch verdict := verdictOf(cause); {
	case verdict == outcomeUnknown, verdict == outage, guardReason(cause) != "":
		return errRetry // the database works: it has just been asked
	}
	return undone(cause)
}

// longestInsistence bounds one try of insist.
const longestInsistence = 2 * time.Minute

// insist runs statements that close a number until they have been answered.
// Meanwhile writes are refused at once, and callers that run out of time leave. It
// gives up when nothing can be written and the group's own error has told enough.
//
// A batch that is given up still waits for the lock inside sqld, which does not get on
// any more when some 40 do. So each has twice the time of the last one; a server that
// is dead or silent is known sooner, by other means.
func (c *committer) insist(stmts []Stmt, cause error) ([][]Row, error) {
	defer c.refuseUnsent(nil)
	pause, limit := 10*time.Millisecond, roundTripTime
	for try := 0; ; try++ {
		ctx, cancel := context.WithTimeout(c.life, limit)
		results, err := c.session.run(ctx, stmts...)
		if ctx.Err() != nil {
			limit = min(2*limit, longestInsistence)
		}
		cancel()
		switch {
		case err == nil:
			return results, nil
		case errors.Is(err, ErrSilent):
			c.refusePending(err) // what comes is refused already
		case c.tellsEnough(cause, err):
			if !c.db.writer.embedded {
				c.unclosed = cause
			}
			return nil, failure(err)
		case try >= 3 && c.db.writer.embedded && c.lacksRoom(err):
			c.ails(full, err)
			if isDefinite(cause) {
				c.unclosed = cause
				return nil, fmt.Errorf("%w: %w", ErrStorageFull, err)
			}
			c.refuseUnsent(ErrStorageFull)
		case try == 3:
			c.ails(unreachable, err)
		}
		select {
		case <-c.life.Done():
			return nil, ErrCommitUnknown
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

// tellsEnough tells whether nothing has happened for certain, although the number
// could not be closed: the group's own error says so.
func (c *committer) tellsEnough(cause, closing error) bool {
	switch verdictOf(closing) {
	case noRoom, readOnly, corrupt:
		return isDefinite(cause)
	}
	return false
}

// isDefinite tells whether a group's own error says that nothing has happened.
func isDefinite(cause error) bool {
	return answered(cause) && verdictOf(cause) != outcomeUnknown && guardReason(cause) == ""
}
