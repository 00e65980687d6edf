package node

import "github.com/buntime/keyval/internal/sqldb"

// statementNames are what traces and the log call the statements of this package; others
// are called by their table.
var statementNames = sqldb.Names{
	foundingFetchSQL:  "fetch the founding",
	foundingGuardSQL:  "guard the founding",
	foundingWriteSQL:  "write the founding",
	foundingDeleteSQL: "forget the founding",
	leaderGuardSQL:    "guard the leader",
	leaderWriteSQL:    "write the leader",
}
