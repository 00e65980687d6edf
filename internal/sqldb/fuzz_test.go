package sqldb

import (
	"errors"
	"testing"
)

// What a server says of a statement decides whether it is sent again. Whatever else it
// says, it must not be taken for done, and no guard of ours may be made up by it.
func FuzzServerMessage(f *testing.F) {
	for _, m := range serverMessages {
		f.Add("failed to execute SQL: SELECT\n" + m.text)
	}
	for _, c := range resultCodes {
		f.Add("failed to execute SQL: SELECT\nSQLite error: " + c.text)
	}
	f.Add("CHECK constraint failed: stale_read")
	f.Add("500 Internal Server Error")
	f.Fuzz(func(t *testing.T, text string) {
		err := errors.New(text)
		if v := verdictOf(err); v < outcomeUnknown || v > corrupt {
			t.Errorf("%q means %d", text, v)
		}
		if failure(err) == nil {
			t.Errorf("%q is no failure", text)
		}
		_ = guardReason(err)
	})
}
