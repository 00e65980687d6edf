package keys

import (
	"testing"

	"github.com/buntime/keyval/kv"
)

func TestALostSnapshotIsAnAnswerOfItsOwn(t *testing.T) {
	t.Parallel()
	got := appendTransaction(nil, &kv.TransactionRequest{}, &kv.TransactionResult{SnapshotTooOld: true}, nil)
	if want := `{"ok":false,"error":"snapshot_too_old"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
