// Package client is the Go client of keyval: keys, atomic operations,
// transactions, queues, watches and full-text search over HTTP.
//
//	c, err := client.New("http://127.0.0.1:8080")
//	versionstamp, err := c.Put(ctx, api.Key{"users", "alice"}, map[string]any{"age": 30})
//	entry, err := c.Get(ctx, api.Key{"users", "alice"})
//	user, err := client.Value[User](entry)
//
// # What it guarantees
//
// Reads see the client's own writes and never go back in time, from whichever node
// the answers come: the client sends the newest versionstamp that it has seen with
// every session read. Session gives independent parts of a program a position of
// their own; WithoutSession turns this off. A strong read sees every write that was
// answered before it, an eventual one promises nothing.
//
// A request is repeated only if that is safe, with growing random delays, not
// before a Retry-After, within RetryPolicy and the context:
//
//   - anything that a node refused for now and did not carry out (429, or 503
//     "unavailable"), and anything that could not be sent, since no connection
//     came about;
//   - after a broken connection, a silent node, 503 "commit_unknown" or a proxy's
//     502, 503 or 504, when the request may have been carried out: reads, what is
//     done to a message with its receipt, and writes with an idempotency key.
//     Taking messages is no read: a Dequeue whose answer is lost is ErrAnswerLost,
//     and net/http does not send it a second time by itself either.
//
// Atomic operations, transactions and enqueued messages have an idempotency key
// unless told otherwise, Put and Delete have one when asked; Idempotency says why.
// A write without a key whose outcome is unknown is returned as an error, never
// repeated.
//
// A watch gives every change, or a later one of the same key, in commit order,
// each once, over broken connections and changing nodes, or ends in an error that
// says that it cannot. Consume handles every message at least once.
//
// # Errors
//
// What a node refuses is an *api.Error, whose code errors.Is finds:
//
//	if errors.Is(err, api.NotFound) { … }
//
// A session whose position is newer than the database, which was restored from a
// backup or replaced, gets ErrPositionAhead from its reads until ResetSession:
//
//	if errors.Is(err, client.ErrPositionAhead) {
//		forgetWhatWasCached()
//		c.ResetSession()
//	}
//
// A failed check or a lost race is ErrConflict. Anything else is an error of the
// network or the context. Tokens are in no error and no log line.
//
// # Filters and search
//
// Lists, pages, counts, deletes and searches take an api.Where:
//
//	adults := api.Field("age").Gte(18)
//	entries, err := c.List(ctx, api.ListRequest{Prefix: api.Key{"users"}, Where: adults})
//	removed, err := c.DeletePrefix(ctx, api.Key{"users"}, client.Where(api.Not(adults)))
//
// Search needs an index: CreateIndex, and WaitForIndex where there are many entries already.
//
// # Traces
//
// Every request carries the span of its context, as W3C traceparent and tracestate. The
// context of a handler of Consume continues the trace in which its message was enqueued,
// and so does what it sends, its ack included; WithSender does that for a message from
// Dequeue. The client makes spans of its own only for WithTracerProvider. It looks at no
// global provider or propagator.
//
// # Resources
//
// Answers and events over 72 MiB are refused. Every call ends with its context;
// without a deadline in it, each attempt ends after RetryPolicy.AttemptTimeout.
// The package starts goroutines in Consume only, which waits for them.
package client
