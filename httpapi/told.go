package httpapi

import (
	"errors"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/sqldb"
)

// A sentence is what a caller is told of an error.
type sentence struct {
	reason string
	advice string // what to do about it; may be missing
}

func (s sentence) String() string {
	if s.advice == "" {
		return s.reason
	}
	return s.reason + "; " + s.advice
}

// conditions are outcomes whose errors have words that are not ours, the driver's for
// example, which names where the database is. Callers are told a sentence that is the
// same for all, and the log has the rest. The first row that matches counts.
var conditions = []struct {
	outcome error
	told    sentence
}{
	{sqldb.ErrCommitUnknown, sentence{sqldb.ErrCommitUnknown.Error(), "repeat the request with the Idempotency-Key that it had, or read what it should have changed"}},
	{sqldb.ErrStorageFull, sentence{reason: sqldb.ErrStorageFull.Error()}},
	{sqldb.ErrTooLarge, sentence{"what the request reads or writes is " + sqldb.ErrTooLarge.Error(), "ask for less at once"}},
	{sqldb.ErrUnavailable, sentence{sqldb.ErrUnavailable.Error(), "nothing was written; send the request again later"}},
}

// told is what a caller is told of an error.
func told(err error) sentence {
	if progress, ok := errors.AsType[*progressError](err); ok {
		return sentence{reason: progress.Error()}
	}
	if reason, ok := sqldb.Reason(err); ok && !errors.Is(err, sqldb.ErrCommitUnknown) {
		return sentence{reason: reason}
	}
	for _, row := range conditions {
		if errors.Is(err, row.outcome) {
			return row.told
		}
	}
	switch codeOf(err) {
	case api.Internal:
		return sentence{reason: "an internal error; the log has it under the id of this request"}
	case api.Timeout:
		return sentence{"the operation timeout passed", "nothing was changed"}
	}
	return sentence{reason: err.Error()}
}
