package queue

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/buntime/keyval/kv"
)

// Limits of a message. Times are in milliseconds.
const (
	// DefaultName is the queue of a message that names none.
	DefaultName = "default"
	// MaxDelay is 30 days: of a delay and of a step of a backoff schedule.
	MaxDelay = 30 * 24 * 60 * 60 * 1000
	// MaxBackoffSteps bounds a backoff schedule.
	MaxBackoffSteps = 100
	// MaxAttempts bounds how often a message may be tried.
	MaxAttempts = 1000
	// MinPriority is the lowest priority.
	MinPriority = -128
	// MaxPriority is the highest priority.
	MaxPriority = 127
	// MaxKeysIfUndelivered bounds the fallback keys of a message.
	MaxKeysIfUndelivered = 10
	// MaxDedupeID bounds a dedupe id, in characters.
	MaxDedupeID = 128

	defaultAttempts = 5
)

// An Enqueue is a message to come. Times are in milliseconds.
type Enqueue struct {
	// Value is JSON text as kv.ParseValue returned it.
	Value []byte
	// Queue is its name; "" means DefaultName.
	Queue string
	// Delay is how long after its commit the message becomes ready.
	Delay int64
	// Backoff are the pauses after the first, second, … failed attempt; the
	// last one holds for all further ones, and without any a retry is ready
	// at once. Nil means 1 s, 5 s, 30 s, 60 s.
	Backoff []int64
	// MaxAttempts is after how many failed attempts the message is dead; 0
	// means one more than Backoff has steps, and 5 without Backoff.
	MaxAttempts int
	// Priority: a higher one is delivered first.
	Priority int
	// KeysIfUndelivered get the value when the message dies.
	KeysIfUndelivered []kv.Key
	// DedupeID makes a second enqueue with the same id on the same queue
	// within DedupeAge answer as the first one did and add nothing; "" for
	// none.
	DedupeID string

	trace Trace // of the span that enqueues it: see Part.Send
}

// withDefaults fills in what the caller has left open.
func (e Enqueue) withDefaults() Enqueue {
	if e.Queue == "" {
		e.Queue = DefaultName
	}
	switch {
	case e.MaxAttempts != 0:
	case e.Backoff != nil:
		e.MaxAttempts = len(e.Backoff) + 1
	default:
		e.MaxAttempts = defaultAttempts
	}
	return e
}

// validate wants the defaults filled in.
func (e Enqueue) validate() error {
	if err := ValidateName(e.Queue); err != nil {
		return err
	}
	switch {
	case len(e.Value) == 0:
		return invalid("a message needs a value")
	case e.Delay < 0 || e.Delay > MaxDelay:
		return invalid("delay is %d ms, want 0 to %d (30 days)", e.Delay, int64(MaxDelay))
	case len(e.Backoff) > MaxBackoffSteps:
		return invalid("backoffSchedule has %d steps, want at most %d", len(e.Backoff), MaxBackoffSteps)
	case e.MaxAttempts < 1 || e.MaxAttempts > MaxAttempts:
		return invalid("maxAttempts is %d, want 1 to %d", e.MaxAttempts, MaxAttempts)
	case e.Priority < MinPriority || e.Priority > MaxPriority:
		return invalid("priority is %d, want %d to %d", e.Priority, MinPriority, MaxPriority)
	case len(e.KeysIfUndelivered) > MaxKeysIfUndelivered:
		return invalid("keysIfUndelivered has %d keys, want at most %d", len(e.KeysIfUndelivered), MaxKeysIfUndelivered)
	case utf8.RuneCountInString(e.DedupeID) > MaxDedupeID:
		return invalid("dedupeId has %d characters, want at most %d", utf8.RuneCountInString(e.DedupeID), MaxDedupeID)
	}
	for i, step := range e.Backoff {
		if step < 0 || step > MaxDelay {
			return invalid("backoffSchedule[%d] is %d ms, want 0 to %d (30 days)", i, step, int64(MaxDelay))
		}
	}
	return nil
}

// ValidateName checks the name of a queue: [A-Za-z0-9._-]{1,64}.
func ValidateName(name string) error {
	ok := len(name) >= 1 && len(name) <= 64
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
	}
	if !ok {
		return invalid("a queue's name has 1 to 64 of the characters A-Z a-z 0-9 . _ -")
	}
	return nil
}

// isID tells whether a text can be the id of a message or of a dead letter. One that
// cannot is no error of its own: nothing has that id, as nothing has one that is gone.
func isID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

// newID makes an id. Its order means nothing to us.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a message's id: %w", err)
	}
	return id.String(), nil
}

// Schedules and keys are stored as JSON.

func encodeBackoff(schedule []int64) any {
	if schedule == nil {
		return nil
	}
	encoded, _ := json.Marshal(schedule) // integers always encode
	return string(encoded)
}

func decodeBackoff(stored string) ([]int64, error) {
	if stored == "" {
		return nil, nil
	}
	schedule := []int64{}
	err := json.Unmarshal([]byte(stored), &schedule)
	return schedule, err
}

func encodeKeys(keys []kv.Key) any {
	if len(keys) == 0 {
		return nil
	}
	encoded := []byte{'['}
	for i, k := range keys {
		if i > 0 {
			encoded = append(encoded, ',')
		}
		encoded = fmt.Appendf(encoded, `"%x"`, string(k))
	}
	return string(append(encoded, ']'))
}
