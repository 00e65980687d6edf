package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/internal/sqldb"
)

const readAndCount = `{"reads":[{"prefix":["large"],"limit":100}],"mutations":[{"type":"sum","key":["n"],"value":1}]}`

// mustPutLarges makes entries of about so many bytes together.
func (f *fixture) mustPutLarges(entries, bytes int) {
	f.t.Helper()
	for i := range entries {
		f.must("PUT", fmt.Sprintf("/keys/large/%d", i), `"`+strings.Repeat("x", bytes/entries)+`"`)
	}
}

func TestALargeTransactionIsRefusedForLackOfRoomBeforeItWrites(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.mustPutLarges(2, sqldb.MaxPiece+1)
	free := f.api.OccupyMemory()
	if r := f.do("POST", "/transaction", readAndCount); r.status != 429 {
		t.Errorf("without room: got %d, want 429", r.status)
	}
	free()
	if got := f.do("GET", "/keys/n?consistency=strong", ""); got.status != 404 {
		t.Errorf("the refused transaction has written %s", got.body)
	}
	if r := f.do("POST", "/transaction", readAndCount); r.status != 200 {
		t.Errorf("with room: got %d, want 200", r.status)
	}
}

// The answer to a transaction that reads nothing ahead can be large enough to need room
// all the same.
func TestACommittedTransactionWaitsForRoomAndIsNeverRefused(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	const keys = 20
	f.mustPutLarges(keys, keys*(sqldb.SmallBytes-2))
	var reads []string
	for i := range keys {
		reads = append(reads, fmt.Sprintf(`{"key":["large",%d]}`, i))
	}
	free := f.api.OccupyMemory()
	done := make(chan reply, 1)
	go func() {
		done <- f.do("POST", "/transaction", `{"reads":[`+strings.Join(reads, ",")+`],"mutations":[{"type":"sum","key":["n"],"value":1}]}`)
	}()
	await.That(t, "the answer waits for room", func() bool {
		select {
		case r := <-done:
			t.Fatalf("got %d before there was room", r.status)
		default:
		}
		return f.api.AnswersWait()
	})
	free()
	if r := <-done; r.status != 200 {
		t.Errorf("got %d after the commit, want 200", r.status)
	}
}
