package watch

import "github.com/buntime/keyval/internal/sqldb"

// statementNames are what traces and the log call the statements of this package; others
// are called by their table.
var statementNames = sqldb.Names{
	sequenceSQL: "read the log's end",
	afterSQL:    "read the log",
	recentSQL:   "read the log's last rows",
	goneSQL:     "ask what is gone",
	fetchSQL:    "read entries for watchers",
	countSQL:    "count the log's rows",
	countedSQL:  "note the log's size",
	markSQL:     "mark the log's time",
	oldestSQL:   "look for old changes",
}
