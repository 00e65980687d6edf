package httpapi

import (
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/internal/sqldb"
)

// databaseErrors are those of the database below everything. They have words that are
// not ours, the driver's for example, which name where the database is: callers are
// told a sentence that is the same for all, and the log has the rest.
//
// The first row that matches counts, and these come before all others: a write that
// was sent has no better answer than commit_unknown, whatever else is wrapped.
var databaseErrors = []route.ErrorRow{
	{Is: sqldb.ErrTooLarge, Code: api.TooLarge, Told: says("what the request reads or writes is "+sqldb.ErrTooLarge.Error(), "ask for less at once")},
	{Is: sqldb.ErrOverloaded, Code: api.TooManyRequests},
	{Is: sqldb.ErrCommitUnknown, Code: api.CommitUnknown, Told: says(sqldb.ErrCommitUnknown.Error(),
		"repeat the request with the Idempotency-Key that it had, or read what it should have changed")},
	{Is: sqldb.ErrStorageFull, Code: api.StorageFull, Told: says(sqldb.ErrStorageFull.Error(), "")},
	{Is: sqldb.ErrUnavailable, Code: api.Unavailable, Told: unavailable},
}

func says(reason, advice string) func(error) route.Sentence {
	return func(error) route.Sentence { return route.Sentence{Reason: reason, Advice: advice} }
}

// unavailable says why, where there is a reason for everybody to read.
func unavailable(err error) route.Sentence {
	if reason, ok := sqldb.Reason(err); ok {
		return route.Sentence{Reason: reason}
	}
	return route.Sentence{Reason: sqldb.ErrUnavailable.Error(), Advice: "nothing was written; send the request again later"}
}
