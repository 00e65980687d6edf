package api

// Names of server-sent events.
const (
	// EventChange carries an []Entry: the matching changes of one operation, or
	// the state at the start. Its id is the versionstamp of that operation.
	EventChange = "change"
	// EventMessage carries a Message of GET /queue/listen; its id is the message's.
	EventMessage = "message"
	// EventPing keeps a stream alive; its id is the newest position passed.
	EventPing = "ping"
	// EventReset says that the stream's position is lost; it begins anew.
	EventReset = "reset"
)

// WatchPollResult answers GET /watch/poll.
type WatchPollResult struct {
	Entries       []Entry  `json:"entries"`       // of the keys that changed
	Versionstamps []string `json:"versionstamps"` // of all keys in the order asked for, "" for missing
}

// WatchPrefixPollResult answers GET /watch/prefix/poll. Deleted keys are entries
// that do not exist.
type WatchPrefixPollResult struct {
	Entries       []Entry `json:"entries"`
	Versionstamps string  `json:"versionstamps"` // opaque; send it back with the next poll
}
