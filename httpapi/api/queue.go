package api

import "encoding/json"

// EnqueueRequest is the body of POST /queue/enqueue, and a member of atomic
// operations and transactions.
type EnqueueRequest struct {
	Value   json.RawMessage `json:"value"`
	Options EnqueueOptions  `json:"options,omitzero"`
}

// EnqueueOptions say how a message is delivered.
type EnqueueOptions struct {
	Delay int64 `json:"delay,omitzero"` // ms before it is ready, at most 30 days
	// BackoffSchedule is how many ms each retry waits. nil: 1 s, 5 s, 30 s, 60 s;
	// empty: no retry.
	BackoffSchedule []int64 `json:"backoffSchedule,omitzero"`
	// KeysIfUndelivered take the value if the last attempt fails.
	KeysIfUndelivered []Key  `json:"keysIfUndelivered,omitzero"`
	Queue             string `json:"queue,omitzero"`       // [A-Za-z0-9._-]{1,64}; "": "default"
	MaxAttempts       int    `json:"maxAttempts,omitzero"` // 0: 5, or one more than BackoffSchedule is long
	Priority          int    `json:"priority,omitzero"`    // -128 to 127, higher first
	// DedupeID makes a second enqueue on the same queue within 24 hours answer
	// with the first one's id and add nothing.
	DedupeID string `json:"dedupeId,omitzero"`
}

// EnqueueResult answers POST /queue/enqueue.
type EnqueueResult struct {
	OK           bool         `json:"ok"`
	ID           string       `json:"id"` // UUID version 7
	Versionstamp Versionstamp `json:"versionstamp"`
}

// Message is a delivery, whose lock its receipt holds.
type Message struct {
	ID         string          `json:"id"`
	Value      json.RawMessage `json:"value"`
	Attempts   int             `json:"attempts"` // counts this delivery
	Receipt    string          `json:"receipt"`
	Queue      string          `json:"queue"`
	EnqueuedAt int64           `json:"enqueuedAt"` // Unix ms by the database's clock
	// Traceparent and Tracestate are the W3C trace context of the span that enqueued the
	// message; "" if that was not sampled.
	Traceparent string `json:"traceparent,omitzero"`
	Tracestate  string `json:"tracestate,omitzero"`
}

// DequeueResult answers GET /queue/dequeue without max.
type DequeueResult struct {
	Message *Message `json:"message"` // nil if there was none to take
}

// DequeueBatchResult answers GET /queue/dequeue with max.
type DequeueBatchResult struct {
	Messages []Message `json:"messages"`
}

// QueuedMessage is a message as it lies in its queue, looked at without being taken.
type QueuedMessage struct {
	ID         string          `json:"id"`
	Value      json.RawMessage `json:"value"`
	Attempts   int             `json:"attempts"` // counts a running delivery, too
	Priority   int             `json:"priority"`
	EnqueuedAt int64           `json:"enqueuedAt"` // Unix ms by the database's clock
	ReadyAt    int64           `json:"readyAt"`    // Unix ms: when it became or becomes ready
	// LockedUntil is when the lock of its delivery ends, in Unix ms; nil unless it
	// is being processed.
	LockedUntil *int64 `json:"lockedUntil"`
}

// QueuedMessages answers GET /queue/messages.
type QueuedMessages struct {
	Messages []QueuedMessage `json:"messages"`
	Cursor   *string         `json:"cursor"` // where to go on; nil at the end
}

// MessageState is where in its life a message is that is neither done nor dead.
type MessageState string

// The states of messages.
const (
	MessageReady      MessageState = "ready"
	MessageDelayed    MessageState = "delayed"
	MessageProcessing MessageState = "processing"
)

// AckRequest is the body of POST /queue/ack, and without ID of POST
// /queue/ack/{id}.
type AckRequest struct {
	ID      string `json:"id,omitzero"`
	Receipt string `json:"receipt,omitzero"` // if set, it must still hold the lock
}

// NackRequest is the body of POST /queue/nack, and without ID of POST
// /queue/nack/{id}.
type NackRequest struct {
	ID      string `json:"id,omitzero"`
	Receipt string `json:"receipt,omitzero"` // if set, it must still hold the lock
	Delay   *int64 `json:"delay,omitempty"`  // ms; nil: the next backoff step
	Error   string `json:"error,omitzero"`   // kept with the dead letter
	// DeadLetter makes the message a dead letter now, whatever attempts it has left.
	DeadLetter bool `json:"deadLetter,omitzero"`
}

// ExtendRequest is the body of POST /queue/extend/{id}.
type ExtendRequest struct {
	Receipt string `json:"receipt"`
	Lock    int64  `json:"lock,omitzero"` // ms from now; 0: 30,000
}

// ExtendResult answers POST /queue/extend/{id}.
type ExtendResult struct {
	OK          bool  `json:"ok"`
	LockedUntil int64 `json:"lockedUntil"` // Unix ms by the database's clock
}

// OKResult answers what has nothing to say but that it was done.
type OKResult struct {
	OK bool `json:"ok"`
}

// QueueCounts are the messages of one queue or of all.
type QueueCounts struct {
	Pending    int64 `json:"pending"` // includes Delayed
	Delayed    int64 `json:"delayed"`
	Processing int64 `json:"processing"` // out with a lock
	DLQ        int64 `json:"dlq"`        // dead letters
	Total      int64 `json:"total"`      // Pending + Processing + DLQ
}

// QueueStats answers GET /queue/stats.
type QueueStats struct {
	QueueCounts
	Queues map[string]QueueCounts `json:"queues"`
}

// DeadLetter is a message whose last attempt failed.
type DeadLetter struct {
	ID                string          `json:"id"`
	OriginalID        string          `json:"originalId"` // the message's
	Value             json.RawMessage `json:"value"`
	ErrorMessage      string          `json:"errorMessage"` // of the last attempt
	Attempts          int             `json:"attempts"`
	OriginalCreatedAt int64           `json:"originalCreatedAt"` // Unix ms
	FailedAt          int64           `json:"failedAt"`          // Unix ms
	Queue             string          `json:"queue"`
}

// RequeueResult answers POST /queue/dlq/{id}/requeue. Both ids are the new
// message's.
type RequeueResult struct {
	OK    bool   `json:"ok"`
	ID    string `json:"id"`
	NewID string `json:"newId"`
}

// PurgeResult answers DELETE /queue/dlq, /queue/messages and /queue/messages/{id}.
type PurgeResult struct {
	OK           bool  `json:"ok"`
	DeletedCount int64 `json:"deletedCount"`
}
