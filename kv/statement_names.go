package kv

import "github.com/buntime/keyval/internal/sqldb"

// statementNames are what traces and the log call the statements of this package; others
// are called by their table.
var statementNames = sqldb.Names{
	getSQL:              "read entries",
	sizesSQL:            "read entry sizes",
	positionSQL:         "read the position and time",
	listForwardSQL:      "list entries",
	listReverseSQL:      "list entries backwards",
	strictForwardSQL:    "list entries ahead",
	strictReverseSQL:    "list entries backwards ahead",
	countSQL:            "count entries",
	fetchSQL:            "fetch entries",
	fetchPartSQL:        "fetch parts of entries",
	guardSQL:            "guard entries",
	upsertSQL:           "write entries",
	upsertUntilSQL:      "write entries with a time to expire at",
	upsertTimedSQL:      "write entries with times",
	removeSQL:           "remove entries",
	logSQL:              "log changes",
	bulkLogSQL:          "log a deletion of many",
	bulkRemoveSQL:       "remove what is logged",
	bulkKeepSQL:         "keep a deletion's answer",
	bulkOutcomeSQL:      "count what is deleted",
	anyExpiredSQL:       "look for expired entries",
	sweepLogSQL:         "log expired entries",
	sweptSQL:            "count what is swept",
	sinceSQL:            "check the position",
	changesSQL:          "read changes of ranges",
	loggedSQL:           "read the log for ranges",
	keyChangesSQL:       "read changes of keys",
	keyChangesGuardSQL:  "guard changes of keys",
	idempotencyFetchSQL: "fetch kept answers",
	idempotencyGuardSQL: "guard kept answers",
	idempotencyWriteSQL: "keep answers",
	partWriteSQL:        "keep an answer's part",
	partReadSQL:         "read an answer's part",
	anyForgottenSQL:     "look for old answers",
}
