package client

import (
	"fmt"

	"github.com/google/uuid"
)

// Idempotency says which writes get an idempotency key without being asked. With
// a key, a write whose answer was lost is repeated and has its effect once;
// without one it fails and the caller cannot know whether it was carried out.
//
// A key is not free: it is a row that is written in the transaction of the write
// and kept for 24 hours, and the database keeps a million of them, dropping the
// oldest. At 10,000 writes a second, keys for all of them would protect each for
// 100 seconds only and cost about as much as a second PUT. A client whose
// RetryPolicy allows one attempt makes none.
//
// The answer is kept with the key. One of more than 16 MiB, as a transaction with
// large reads has, is not: such a write is refused with 413 and nothing of it is
// done. Read less in one transaction, or use IdempotencyOff.
type Idempotency int

const (
	// IdempotencyCompound is the default: atomic operations, transactions and
	// enqueued messages get a key, because nobody can tell afterwards whether a
	// sum was added or a message sent. Put and Delete get none: who loses their
	// answer can read the key. They are not repeated blindly either, although
	// the same PUT twice looks harmless: the repetition could overwrite what
	// somebody else wrote in between.
	IdempotencyCompound Idempotency = iota
	// IdempotencyAll gives Put and Delete keys too.
	IdempotencyAll
	// IdempotencyOff gives keys to writes with the option IdempotencyKey only.
	IdempotencyOff
)

// newIdempotencyKey is time-ordered, so that the database appends to its index
// instead of writing all over it.
func newIdempotencyKey() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("keyval: idempotency key: %w", err)
	}
	return id.String(), nil
}
