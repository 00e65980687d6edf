package sqldb_test

import (
	"bytes"
	"testing"
)

// wantGuard checks that a raw answer of sqld is a transaction's failure at
// this guard.
func wantGuard(t *testing.T, body []byte, reason string) {
	t.Helper()
	if want := []byte("CHECK constraint failed: " + reason); !bytes.Contains(body, want) {
		t.Errorf("the database answered %s, want %s", body, want)
	}
}
