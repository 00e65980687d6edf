package kv

// A Read is what a transaction reads: one key, or a run of entries.
type Read struct {
	Key  Key       // used when List is nil
	List *Selector // nil: read Key
}

// A TransactionRequest reads and writes against one snapshot.
type TransactionRequest struct {
	Reads []Read
	// Snapshot, when set, is the position that the caller decided on: the
	// commit holds only if nothing that Reads cover has changed or expired
	// after it.
	Snapshot Versionstamp
	// Min is as of ReadOptions, for a transaction that only reads.
	Min Versionstamp
	AtomicRequest
	// Answer is what Idempotency.Answer is for an operation without reads.
	Answer func(Versionstamp, TransactionResult) []byte
	// Reserve makes room for what a transaction has read before it takes the write
	// lock; nil for none. It is called by the goroutine that called Transaction, before
	// anything is written, and again with what is read later in the place of that.
	// Its error ends the transaction.
	Reserve func(reads [][]Entry) error
}

// A TransactionResult tells what a transaction read and what became of it.
type TransactionResult struct {
	AtomicResult
	// SnapshotTooOld is set, with OK false, when the change log no longer
	// reaches back to the request's snapshot.
	SnapshotTooOld bool
	// Reads are the answers in request order: one entry for a key (which
	// may be missing), all entries for a list.
	Reads [][]Entry
}
