package sqldb

import "context"

// Each commit to an embedded database goes to its log, which is copied to the file from
// time to time. SQLite would have the commit do it that makes the log 4 MiB long, while
// all writers wait; and where a large read still uses the log, each one after that. So a
// goroutine of its own does it.
const (
	// checkpointBytes is after how much, by estimate, the log is copied.
	checkpointBytes = 4 << 20
	// What a transaction and an operation log besides what they write: pages that they
	// change little of.
	transactionPages, operationPages = 16 << 10, 8 << 10
	// mostLogPages is how long the log may grow while writers never pause: a commit that
	// leaves it longer copies what is left, so that it can begin anew.
	mostLogPages = "8000"
)

// checkpoints counts what goes to the log. Only the committing goroutine uses logged.
type checkpoints struct {
	logged int
	due    chan struct{}
}

// wrote counts a group.
func (c *checkpoints) wrote(group []*waiting) {
	c.logged += transactionPages
	for _, w := range group {
		c.logged += w.written() + operationPages
	}
	if c.logged >= checkpointBytes {
		c.logged = 0
		poke(c.due)
	}
}

// checkpointAll copies the log whenever that is due, until the database is closed. What
// is wrong with the file is found out by those who write to it, too.
func (db *DB) checkpointAll() {
	for {
		select {
		case <-db.ended:
			return
		case <-db.committer.checkpoints.due:
		}
		if _, err := db.writer.query(context.Background(), Stmt{SQL: "PRAGMA wal_checkpoint(PASSIVE)"}); err != nil {
			db.log.Debug("the log was not copied to the database's file", "error", err)
		}
	}
}
