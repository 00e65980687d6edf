package kvconnect

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// Limits of Deno KV, which programs know. Sizes are in bytes.
const (
	maxValue       = 64 << 10 // of a value in its encoding, and of a message's payload
	maxStored      = 4 << 20  // of one as JSON: the database takes no row above 5 MB
	maxWriteKey    = kv.MaxKeyBytes
	maxReadKey     = kv.MaxKeyBytes + 1
	maxRanges      = 10
	maxReadEntries = 1000 // of all ranges of a read
	maxChecks      = 100  // which the client allows; the reference server says 10
	maxMutations   = 1000 // with enqueues
	maxWatchedKeys = 10
	maxFrame       = 16 << 20 // of a watch
	maxUndelivered = 10
	maxBackoff     = 10
	maxBackoffStep = 60 * 60 * 1000 // milliseconds
	maxPayload     = 800 << 10      // of all that a write carries
)

// limits are those that --kvconnect-max-value-bytes raises.
type limits struct {
	value   int
	payload int
	body    int64
}

// newLimits keep the room that a write has beside its largest value.
func newLimits(value int) limits {
	if value == 0 {
		value = maxValue
	}
	l := limits{value: value, payload: max(maxPayload, maxPayload-maxValue+value)}
	// What a message has beside its payload is not more than that again.
	l.body = 2*int64(l.payload) + 64<<10
	return l
}

// checkValue refuses a value, in its encoding, that is too large.
func (l limits) checkValue(data []byte) error {
	if len(data) > l.value {
		return route.TooLarge("Value too large (max %d bytes)", l.value)
	}
	return nil
}
