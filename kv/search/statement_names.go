package search

import "github.com/buntime/keyval/internal/sqldb"

// statementNames are what this package's statements of constant text are called.
var statementNames = sqldb.Names{
	existingSQL:      "fetch indexes",
	guardExistingSQL: "guard indexes",
	defineSQL:        "define an index",
	progressSQL:      "read an index's progress",
	listSQL:          "list indexes",
	chooseSQL:        "choose an index",
	nextBatchSQL:     "choose entries to index",
	addBatchSQL:      "add entries to index",
	builtSQL:         "note an index as ready",
	unfinishedSQL:    "look for unfinished indexes",
	dropDocsSQL:      "forget indexed entries",
}
