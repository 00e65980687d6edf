package queues

import (
	"context"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// Queue is what the routes need of the node's queues. *queue.Queue implements it.
// Errors wrap those of Room.Errors, wire.Errors or the database. Methods are called concurrently.
type Queue interface {
	NewPart([]queue.Enqueue) (*queue.Part, error)
	// Dequeue may wait as long as the request says. What it returns must be
	// handed over or released.
	Dequeue(context.Context, queue.Dequeue) ([]queue.Message, error)
	Release(context.Context, []queue.Message) error
	Ack(ctx context.Context, queues queue.Names, id, receipt string) error
	Nack(ctx context.Context, queues queue.Names, id, receipt string, f queue.Failure) error
	Extend(ctx context.Context, queues queue.Names, id, receipt string, lock int64) (lockedUntil int64, err error)
	Listen(queue.Listen) (*queue.Listener, error)
	Stats(context.Context) (queue.Stats, error)
	// Sampled are Stats that may be a minute old.
	Sampled(context.Context) (queue.Stats, error)
	DeadLetters(context.Context, queue.DeadLetterList) (letters []queue.DeadLetter, cursor string, err error)
	DeadLetter(ctx context.Context, queues queue.Names, id string) (queue.DeadLetter, error)
	Browse(context.Context, queue.Browse) (messages []queue.Browsed, cursor string, err error)
	// PurgeMessages, as PurgeDeadLetters, commits at most 1,000 at a time. With an error the
	// count says how far it came.
	PurgeMessages(ctx context.Context, name string, state queue.State) (deleted int, err error)
	PurgeMessage(ctx context.Context, queues queue.Names, id string, state queue.State) (deleted bool, err error)
	Requeue(ctx context.Context, queues queue.Names, id string) (messageID string, err error)
	DeleteDeadLetter(ctx context.Context, queues queue.Names, id string) error
	PurgeDeadLetters(ctx context.Context, name string) (deleted int, err error)
}

// maxSettleBody bounds the bodies of ack, nack and extend.
const maxSettleBody = 64 << 10

var (
	queueParam   = route.TextParam{Name: "queue", Doc: "The queue's name, `default` if absent."}
	receiptParam = route.TextParam{Name: "receipt", Doc: "The receipt of a delivery: then only if that delivery still holds the message, else 409."}
	waitParam    = route.IntParam{Name: "wait", Doc: "How many milliseconds to wait for a message if none is ready.", Min: 0, Max: queue.MaxWait}
	maxParam     = route.IntParam{Name: "max", Doc: "Take up to so many messages and answer with `messages`.", Min: 1, Max: queue.MaxBatch}
	lockParam    = route.IntParam{Name: "lock", Doc: "For how many milliseconds nobody else gets the message.", Min: 1, Max: queue.MaxLock, Default: queue.DefaultLock, HasDefault: true}
	delayParam   = route.IntParam{Name: "delay", Doc: "How many milliseconds until the message is ready.", Min: 0, Max: queue.MaxDelay}

	messageIDInPath = route.Param{Name: "id", Doc: "The message's id.", Schema: &route.Schema{Type: "string", Format: "uuid"}}
	noStoreAnswer   = route.Param{Name: "Cache-Control", Schema: &route.Schema{Type: "string", Const: "no-store"}, Doc: "The answer hands messages over: it is not to be kept or asked for again by a proxy."}
)

// The members of the bodies and answers.
var (
	minPriority, maxPriority = int64(queue.MinPriority), int64(queue.MaxPriority)
	minAttempts, maxAttempts = int64(1), int64(queue.MaxAttempts)

	optionMembers = route.Members{
		"delay":             delayParam.Param().Schema,
		"backoffSchedule":   {Type: "array", MaxItems: queue.MaxBackoffSteps, Items: delayParam.Param().Schema, Description: "How many milliseconds to wait after the first, second, … failed attempt. Without it 1 s, 5 s, 30 s, 60 s."},
		"keysIfUndelivered": {Type: "array", MaxItems: queue.MaxKeysIfUndelivered, Items: route.Ref("Key"), Description: "Keys that get the value if the last attempt fails."},
		"keys":              {Type: "array", MaxItems: queue.MaxKeysIfUndelivered, Items: route.Ref("Key"), Description: "The same as `keysIfUndelivered`."},
		"queue":             {Type: "string", Pattern: "^[A-Za-z0-9._-]{1,64}$", Default: queue.DefaultName},
		"maxAttempts":       {Type: "integer", Minimum: &minAttempts, Maximum: &maxAttempts, Description: "5, or one more than `backoffSchedule` has steps."},
		"priority":          {Type: "integer", Minimum: &minPriority, Maximum: &maxPriority, Default: 0, Description: "Higher comes first."},
		"dedupeId":          {Type: "string", MinLength: 1, MaxLength: queue.MaxDedupeID, Description: "A second enqueue with the same id on the same queue within 24 hours answers with the first one's id and versionstamp, and adds nothing."},
	}
	enqueueMembers = route.Members{
		"value":   route.AnyJSON("Any JSON."),
		"options": route.Object(optionMembers),
	}
	MessageSchema = route.Object(enqueueMembers, "value")
	messageSchema = route.Object(route.Members{
		"id":          {Type: "string", Format: "uuid"},
		"value":       {Description: "Any JSON."},
		"attempts":    route.Integer("Deliveries, this one included."),
		"receipt":     route.Text("Names this delivery in ack, nack and extend."),
		"queue":       route.Text(""),
		"enqueuedAt":  route.Integer("Unix milliseconds by the database's clock."),
		"traceparent": route.Text("W3C trace context of the span that enqueued the message; absent if that was not sampled."),
		"tracestate":  route.Text("What came with `traceparent`, if anything."),
	}, "id", "value", "attempts", "receipt", "queue", "enqueuedAt")
	ackMembers = route.Members{
		"id":      {Type: "string", Format: "uuid", Description: "The message's id, if it is not in the path."},
		"receipt": receiptParam.Param().Schema,
	}
	nackMembers = ackMembers.
			And("delay", delayParam.Param().Schema).
			And("error", route.Text("Why; kept with the dead letter. What is longer than 1,024 bytes is cut.")).
			And("deadLetter", route.Boolean("Make the message a dead letter now, whatever attempts are left."))
	extendMembers = route.Members{
		"receipt": route.Text("The receipt of the delivery. Required, here or in the query."),
		"lock":    lockParam.Param().Schema,
	}
	queueCountMembers = route.Members{
		"pending":    route.Integer("Waiting for delivery, `delayed` included."),
		"delayed":    route.Integer("Not ready yet."),
		"processing": route.Integer("Locked by a delivery."),
		"dlq":        route.Integer("Dead letters."),
		"total":      route.Integer("pending + processing + dlq"),
	}
	okSchema = route.Object(route.Members{"ok": route.Always(true)}, "ok")
)

// queueRoutes are those that enqueue, deliver and settle messages.
func (q *room) queueRoutes() []route.Route {
	settleErrors := append([]api.Code{api.InvalidJSON, api.LockLost, api.TooLarge}, wire.WriteErrors...)
	takeErrors := wire.WriteErrors
	dequeue := route.Route{
		Method: http.MethodGet, Pattern: "/queue/dequeue", Op: "dequeue", Tag: tagQueues, Scope: access.Queue, Changes: true, Waits: true,
		Summary: "Take messages",
		Doc:     "Ready messages of higher priority come first, then those that became ready earlier. Each is locked: ack it, nack it or extend its lock before the lock ends, or the attempt has failed.",
		Query:   []route.Param{queueParam.Param(), waitParam.Param(), maxParam.Param(), lockParam.Param()},
		Answers: []route.Answer{{Status: 200, Doc: "With `max`: `messages`. Without: `message`, null if there is none.", Headers: []route.Param{noStoreAnswer}, Schema: &route.Schema{OneOf: []*route.Schema{
			route.Object(route.Members{"message": {OneOf: []*route.Schema{messageSchema, {Type: "null"}}}}, "message"),
			route.Object(route.Members{"messages": route.Array(messageSchema)}, "messages"),
		}}}},
		Errors: takeErrors,
		Serve:  q.dequeue,
	}
	poll := dequeue
	poll.Pattern, poll.Alias = "/queue/poll", "poll"
	return append([]route.Route{
		{
			Method: http.MethodPost, Pattern: "/queue/enqueue", Op: "enqueue", Tag: tagQueues, Scope: access.Queue, Changes: true,
			Summary: "Add a message",
			Header:  []route.Param{wire.IdempotencyKey},
			Body:    &route.Body{Schema: MessageSchema, MaxBytes: wire.MaxValueBody(q.MaxValueBytes)},
			Answers: []route.Answer{{Status: 200, Doc: "Added, or added before under its `dedupeId`.", Headers: []route.Param{wire.VersionstampAnswer, wire.Replayed}, Schema: route.Object(route.Members{
				"ok": route.Always(true), "id": {Type: "string", Format: "uuid"}, "versionstamp": route.Ref("Versionstamp"),
			}, "ok", "id", "versionstamp")}},
			Errors: append([]api.Code{api.InvalidKey, api.InvalidJSON, api.TooLarge}, wire.WriteErrors...),
			Serve:  q.enqueue,
		},
		dequeue, poll, q.listenRoute(),
		{
			Method: http.MethodGet, Pattern: "/queue/stats", Op: "queue_stats", Tag: tagQueues, Scope: access.Queue,
			Summary: "Count messages",
			Query:   []route.Param{queueParam.Param()},
			Answers: []route.Answer{{Status: 200, Doc: "Of all queues, or of one.", Schema: route.Object(queueCountMembers.And("queues", &route.Schema{Type: "object", AdditionalProperties: route.Object(queueCountMembers)}))}},
			Errors:  []api.Code{api.Unavailable, api.Timeout},
			Serve:   q.queueStats,
		},
	}, settleRoutes(
		route.Route{
			Op: "ack", Summary: "A message is done",
			Doc:     "Without a receipt it is removed whoever holds it, and an id that is gone is fine.",
			Body:    &route.Body{Schema: route.Object(ackMembers), MaxBytes: maxSettleBody},
			Answers: []route.Answer{{Status: 200, Doc: "Done.", Schema: okSchema}},
			Errors:  settleErrors, Serve: q.ack,
		},
		route.Route{
			Op: "nack", Summary: "A delivery has failed",
			Doc:     "The message is tried again after the next step of its backoff schedule, or becomes a dead letter after its last attempt. Without a receipt, an id that is gone or not locked changes nothing.",
			Body:    &route.Body{Schema: route.Object(nackMembers), MaxBytes: maxSettleBody},
			Answers: []route.Answer{{Status: 200, Doc: "Noted.", Schema: okSchema}},
			Errors:  settleErrors, Serve: q.nack,
		},
		route.Route{
			Op: "extend", Summary: "Renew the lock of a delivery",
			Body:    &route.Body{Schema: route.Object(extendMembers), MaxBytes: maxSettleBody},
			Answers: []route.Answer{{Status: 200, Doc: "Renewed.", Schema: route.Object(route.Members{"ok": route.Always(true), "lockedUntil": route.Integer("Unix milliseconds by the database's clock.")}, "ok", "lockedUntil")}},
			Errors:  settleErrors, Serve: q.extend,
		},
	)...)
}

// settleRoutes completes the routes on one delivery: with the id in the path, and
// for ack and nack also in the body.
func settleRoutes(rows ...route.Route) []route.Route {
	var all []route.Route
	for _, r := range rows {
		r.Method, r.Tag, r.Scope, r.Changes, r.Relieves = http.MethodPost, tagQueues, access.Queue, true, true
		r.Query = []route.Param{receiptParam.Param()}
		inBody := r
		r.Pattern = "/queue/" + r.Op + "/{id}"
		r.Path = []route.Param{messageIDInPath}
		optional := *r.Body
		optional.Optional = true
		r.Body = &optional
		all = append(all, r)
		if r.Op != "extend" {
			inBody.Pattern, inBody.Alias = "/queue/"+r.Op, "body"
			all = append(all, inBody)
		}
	}
	return all
}

func (q *room) enqueue(ctx context.Context, c *route.Call) error {
	body, err := c.ReadBody()
	if err != nil {
		return err
	}
	message, err := decodeMessage(body, q.MaxValueBytes)
	if err != nil {
		return err
	}
	part, err := q.Queue.For(c.Grant).NewPart([]queue.Enqueue{message})
	if err != nil {
		return err
	}
	ctx, sending := part.Send(ctx)
	defer sending.End()
	_, err = wire.Commit(ctx, c, q.Store.For(c.Grant), kv.AtomicRequest{Parts: []kv.Part{part}}, func(dst []byte, result kv.AtomicResult) []byte {
		return appendEnqueued(dst, result.Versionstamp, part)
	})
	return err
}

// appendEnqueued renders what became of a part's only message, in an operation
// with versionstamp v.
func appendEnqueued(dst []byte, v kv.Versionstamp, part *queue.Part) []byte {
	e := part.Enqueued()[0]
	if e.Versionstamp != "" {
		v = e.Versionstamp
	}
	dst = append(dst, `{"ok":true,"id":"`...)
	dst = append(dst, e.ID...)
	dst = append(dst, `","versionstamp":"`...)
	dst = append(dst, v...)
	return append(dst, `"}`...)
}

func (q *room) dequeue(ctx context.Context, c *route.Call) error {
	req, many, err := decodeDequeue(c.Query)
	if err != nil {
		return err
	}
	if req.Wait == 0 {
		var cancel context.CancelFunc
		ctx, cancel = c.Bounded(ctx)
		defer cancel()
	}
	messages, err := q.Queue.For(c.Grant).Dequeue(ctx, req)
	if err != nil {
		return err
	}
	if len(messages) > 0 {
		c.Unsent = func() { q.release(c.Request.Context(), c, messages) }
	}
	c.SetHeader("Cache-Control", "no-store")
	switch {
	case many:
		c.Out = appendMessages(c.Out, messages)
	case len(messages) == 0:
		c.Out = append(c.Out, `{"message":null}`...)
	default:
		c.Out = append(c.Out, `{"message":`...)
		c.Out = appendMessage(c.Out, &messages[0])
		c.Out = append(c.Out, '}')
	}
	return nil
}

func decodeDequeue(q route.Query) (req queue.Dequeue, many bool, err error) {
	if req.Queue, _, err = queueName(q); err != nil {
		return req, false, err
	}
	if req.Wait, err = waitParam.Get(q); err != nil {
		return req, false, err
	}
	if req.Lock, err = lockParam.Get(q); err != nil {
		return req, false, err
	}
	if _, many = q.Text(maxParam.Name); many {
		var n int64
		n, err = maxParam.Get(q)
		req.Max = int(n)
	}
	return req, many, err
}

// queueName is the parameter queue. It may be absent, but not empty.
func queueName(q route.Query) (name string, given bool, err error) {
	if name, given = q.Text(queueParam.Name); given {
		err = queue.ValidateName(name)
	}
	return name, given, err
}

// release gives messages back that their client has not got.
func (q *room) release(ctx context.Context, c *route.Call, messages []queue.Message) {
	if err := q.Queue.For(c.Grant).Release(ctx, messages); err != nil {
		q.Logger.WarnContext(ctx, "messages could not be given back; their locks will end", "messages", len(messages), "error", err)
	}
}

func appendMessages(dst []byte, messages []queue.Message) []byte {
	dst = route.AppendArray(append(dst, `{"messages":`...), messages, appendMessage)
	return append(dst, '}')
}

// appendMessage renders a delivery. The value is copied as the JSON that it is.
func appendMessage(dst []byte, m *queue.Message) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, m.ID...)
	dst = append(dst, `","value":`...)
	dst = append(dst, m.Value...)
	dst = append(dst, `,"attempts":`...)
	dst = strconv.AppendInt(dst, int64(m.Attempts), 10)
	dst = append(dst, `,"receipt":"`...)
	dst = append(dst, m.Receipt...)
	dst = append(dst, `","queue":"`...)
	dst = append(dst, m.Queue...)
	dst = append(dst, `","enqueuedAt":`...)
	dst = strconv.AppendInt(dst, m.EnqueuedAt, 10)
	if m.Trace != "" {
		dst = appendTrace(dst, m.Trace)
	}
	return append(dst, '}')
}

// appendTrace renders what the message knows of its sender. A tracestate may have what
// JSON escapes.
func appendTrace(dst []byte, t queue.Trace) []byte {
	dst = append(dst, `,"traceparent":"`...)
	dst = append(dst, t.Parent()...)
	dst = append(dst, '"')
	if state := t.State(); state != "" {
		dst = append(dst, `,"tracestate":`...)
		dst = route.AppendJSON(dst, state)
	}
	return dst
}

func (q *room) ack(ctx context.Context, c *route.Call) error {
	req, err := settlement(c, ackMembers)
	if err != nil {
		return err
	}
	if err := q.Queue.For(c.Grant).Ack(ctx, req.id, req.receipt); err != nil {
		return err
	}
	c.Out = append(c.Out, `{"ok":true}`...)
	return nil
}

func (q *room) nack(ctx context.Context, c *route.Call) error {
	req, err := settlement(c, nackMembers)
	if err != nil {
		return err
	}
	if err := q.Queue.For(c.Grant).Nack(ctx, req.id, req.receipt, req.failure); err != nil {
		return err
	}
	c.Out = append(c.Out, `{"ok":true}`...)
	return nil
}

func (q *room) extend(ctx context.Context, c *route.Call) error {
	req, err := settlement(c, extendMembers)
	if err != nil {
		return err
	}
	until, err := q.Queue.For(c.Grant).Extend(ctx, req.id, req.receipt, req.lock)
	if err != nil {
		return err
	}
	c.Out = append(c.Out, `{"ok":true,"lockedUntil":`...)
	c.Out = strconv.AppendInt(c.Out, until, 10)
	c.Out = append(c.Out, '}')
	return nil
}

func (q *room) queueStats(ctx context.Context, c *route.Call) error {
	name, one, err := queueName(c.Query)
	if err != nil {
		return err
	}
	stats, err := q.Queue.For(c.Grant).Stats(ctx)
	if err != nil {
		return err
	}
	c.SetHeader("Cache-Control", "no-store")
	answer := api.QueueStats{Queues: map[string]api.QueueCounts{}}
	for other, counts := range stats.Queues {
		if !one || other == name {
			answer.Queues[other] = queueCounts(counts)
		}
	}
	answer.QueueCounts = queueCounts(stats.Counts)
	if one {
		answer.QueueCounts = answer.Queues[name]
	}
	c.Out = route.AppendJSON(c.Out, answer)
	return nil
}

func queueCounts(c queue.Counts) api.QueueCounts {
	return api.QueueCounts{Pending: c.Pending, Delayed: c.Delayed, Processing: c.Processing, DLQ: c.Dead, Total: c.Total()}
}

// queueSnapshot is the section queue of GET /metrics.
func (q *room) queueSnapshot(ctx context.Context) (any, error) {
	stats, err := q.Queue.For(access.Everything).Sampled(ctx)
	return queueCounts(stats.Counts), err
}
