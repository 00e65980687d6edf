package api

// Headers of the contract that are not HTTP's own.
const (
	// HeaderVersionstamp is in every answer to a read or write: the versionstamp
	// of the snapshot that was read, or of the commit.
	HeaderVersionstamp = "Keyval-Versionstamp"

	// HeaderMinVersionstamp asks that a read be at least as new as an earlier
	// answer's HeaderVersionstamp, from whichever node that came.
	HeaderMinVersionstamp = "Keyval-Min-Versionstamp"

	// HeaderIdempotencyKey makes a write safe to send again: at most 128
	// characters, remembered for 24 hours.
	HeaderIdempotencyKey = "Idempotency-Key"

	// HeaderIdempotencyReplayed is "true" on an answer kept from an earlier
	// request with the same HeaderIdempotencyKey.
	HeaderIdempotencyReplayed = "Idempotency-Replayed"

	// HeaderRequestID names the request in logs and errors: the caller's, if it
	// sent one of at most 128 visible ASCII characters.
	HeaderRequestID = "X-Request-Id"
)
