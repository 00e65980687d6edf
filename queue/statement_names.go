package queue

import "github.com/buntime/keyval/internal/sqldb"

// statementNames are what traces and the log call the statements of this package; others
// are called by their table.
var statementNames = namesOf(sqldb.Names{
	statsSQL:                "count messages",
	lookSQL:                 "look for messages",
	heldSQL:                 "look after held messages",
	takeSQL:                 "take messages",
	takenSQL:                "read taken messages",
	expiredSQL:              "look for ended locks",
	fallbackSQL:             "read a message to give up",
	recordFetchSQL:          "fetch messages",
	recordGuardSQL:          "guard messages",
	recordInsertSQL:         "enqueue messages",
	recordMoveSQL:           "move messages",
	recordDeadLetterSQL:     "make dead letters",
	recordDeleteSQL:         "remove messages",
	deadLetterFetchSQL:      "fetch dead letters",
	deadLetterGuardSQL:      "guard dead letters",
	deadLetterRequeueSQL:    "requeue dead letters",
	deadLetterDeleteSQL:     "remove dead letters",
	deadLetterGetSQL:        "read a dead letter",
	deadLettersOfAllSQL:     "list dead letters",
	deadLettersOfQueueSQL:   "list a queue's dead letters",
	deadLetterIDsOfAllSQL:   "look for dead letters to purge",
	deadLetterIDsOfQueueSQL: "look for a queue's dead letters to purge",
	newestDeadLetterSQL:     "read the newest dead letter's time",
	dedupeFetchSQL:          "fetch dedupe ids",
	dedupeGuardSQL:          "guard dedupe ids",
	dedupeWriteSQL:          "keep dedupe ids",
	purgeTimeSQL:            "read the time",
	isReadySQL:              "ask whether a message is ready",
})

// namesOf adds the statements that there are for each state.
func namesOf(names sqldb.Names) sqldb.Names {
	for state := range walkSQL {
		names[browseSQL[state]] = "browse messages"
		names[purgeableSQL[state]] = "look for messages to purge"
	}
	return names
}
