package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

// Queue is what the routes need of the node's queues. *queue.Queue implements it.
// Errors wrap the sentinels of errorTable. Methods are called concurrently.
type Queue interface {
	NewPart([]queue.Enqueue) (*queue.Part, error)
	// Dequeue may wait as long as the request says. What it returns must be
	// handed over or released.
	Dequeue(context.Context, queue.Dequeue) ([]queue.Message, error)
	Release(context.Context, []queue.Message) error
	Ack(ctx context.Context, id, receipt string) error
	Nack(ctx context.Context, id, receipt string, f queue.Failure) error
	Extend(ctx context.Context, id, receipt string, lock int64) (lockedUntil int64, err error)
	Listen(queue.Listen) (*queue.Listener, error)
	Stats(context.Context) (queue.Stats, error)
	// Sampled are Stats that may be a minute old.
	Sampled(context.Context) (queue.Stats, error)
	DeadLetters(context.Context, queue.DeadLetterList) (letters []queue.DeadLetter, cursor string, err error)
	DeadLetter(ctx context.Context, id string) (queue.DeadLetter, error)
	Browse(context.Context, queue.Browse) (messages []queue.Browsed, cursor string, err error)
	// PurgeMessages, as Purge, commits at most 1,000 at a time. With an error the
	// count says how far it came.
	PurgeMessages(ctx context.Context, name string, state queue.State) (deleted int, err error)
	PurgeMessage(ctx context.Context, id string, state queue.State) (deleted bool, err error)
	Requeue(ctx context.Context, id string) (messageID string, err error)
	DeleteDeadLetter(ctx context.Context, id string) error
	Purge(ctx context.Context, name string) (deleted int, err error)
}

// maxSettleBody bounds the bodies of ack, nack and extend.
const maxSettleBody = 64 << 10

var (
	queueParam   = textParam{name: "queue", doc: "The queue's name, `default` if absent."}
	receiptParam = textParam{name: "receipt", doc: "The receipt of a delivery: then only if that delivery still holds the message, else 409."}
	waitParam    = intParam{name: "wait", doc: "How many milliseconds to wait for a message if none is ready.", min: 0, max: queue.MaxWait}
	maxParam     = intParam{name: "max", doc: "Take up to so many messages and answer with `messages`.", min: 1, max: queue.MaxBatch}
	lockParam    = intParam{name: "lock", doc: "For how many milliseconds nobody else gets the message.", min: 1, max: queue.MaxLock, def: queue.DefaultLock, hasDefault: true}
	delayParam   = intParam{name: "delay", doc: "How many milliseconds until the message is ready.", min: 0, max: queue.MaxDelay}

	messageIDInPath = param{name: "id", doc: "The message's id.", schema: &schema{Type: "string", Format: "uuid"}}
	noStoreAnswer   = param{name: "Cache-Control", schema: &schema{Type: "string", Const: "no-store"}, doc: "The answer hands messages over: it is not to be kept or asked for again by a proxy."}
)

// The members of the bodies and answers.
var (
	minPriority, maxPriority = int64(queue.MinPriority), int64(queue.MaxPriority)
	minAttempts, maxAttempts = int64(1), int64(queue.MaxAttempts)

	optionMembers = members{
		"delay":             delayParam.param().schema,
		"backoffSchedule":   {Type: "array", MaxItems: queue.MaxBackoffSteps, Items: delayParam.param().schema, Description: "How many milliseconds to wait after the first, second, … failed attempt. Without it 1 s, 5 s, 30 s, 60 s."},
		"keysIfUndelivered": {Type: "array", MaxItems: queue.MaxKeysIfUndelivered, Items: ref("Key"), Description: "Keys that get the value if the last attempt fails."},
		"keys":              {Type: "array", MaxItems: queue.MaxKeysIfUndelivered, Items: ref("Key"), Description: "The same as `keysIfUndelivered`."},
		"queue":             {Type: "string", Pattern: "^[A-Za-z0-9._-]{1,64}$", Default: queue.DefaultName},
		"maxAttempts":       {Type: "integer", Minimum: &minAttempts, Maximum: &maxAttempts, Description: "5, or one more than `backoffSchedule` has steps."},
		"priority":          {Type: "integer", Minimum: &minPriority, Maximum: &maxPriority, Default: 0, Description: "Higher comes first."},
		"dedupeId":          {Type: "string", MinLength: 1, MaxLength: queue.MaxDedupeID, Description: "A second enqueue with the same id on the same queue within 24 hours answers with the first one's id and versionstamp, and adds nothing."},
	}
	enqueueMembers = members{
		"value":   anyJSON("Any JSON."),
		"options": object(optionMembers),
	}
	enqueueSchema = object(enqueueMembers, "value")
	messageSchema = object(members{
		"id":         {Type: "string", Format: "uuid"},
		"value":      {Description: "Any JSON."},
		"attempts":   integer("Deliveries, this one included."),
		"receipt":    text("Names this delivery in ack, nack and extend."),
		"queue":      text(""),
		"enqueuedAt": integer("Unix milliseconds by the database's clock."),
	}, "id", "value", "attempts", "receipt", "queue", "enqueuedAt")
	ackMembers = members{
		"id":      {Type: "string", Format: "uuid", Description: "The message's id, if it is not in the path."},
		"receipt": receiptParam.param().schema,
	}
	nackMembers = ackMembers.
			and("delay", delayParam.param().schema).
			and("error", text("Why; kept with the dead letter. What is longer than 1,024 bytes is cut.")).
			and("deadLetter", boolean("Make the message a dead letter now, whatever attempts are left."))
	extendMembers = members{
		"receipt": text("The receipt of the delivery. Required, here or in the query."),
		"lock":    lockParam.param().schema,
	}
	queueCountMembers = members{
		"pending":    integer("Waiting for delivery, `delayed` included."),
		"delayed":    integer("Not ready yet."),
		"processing": integer("Locked by a delivery."),
		"dlq":        integer("Dead letters."),
		"total":      integer("pending + processing + dlq"),
	}
	okSchema = object(members{"ok": always(true)}, "ok")
)

// queueRoutes are those of messages; none without queues.
func (s *Server) queueRoutes() []route {
	if s.cfg.Queue == nil {
		return nil
	}
	settleErrors := append([]api.Code{api.InvalidJSON, api.LockLost, api.TooLarge}, writeErrors...)
	takeErrors := writeErrors
	dequeue := route{
		method: http.MethodGet, pattern: "/queue/dequeue", op: "dequeue", tag: "queues", scope: write, waits: true,
		summary: "Take messages",
		doc:     "Ready messages of higher priority come first, then those that became ready earlier. Each is locked: ack it, nack it or extend its lock before the lock ends, or the attempt has failed.",
		query:   []param{queueParam.param(), waitParam.param(), maxParam.param(), lockParam.param()},
		answers: []answerSpec{{status: 200, doc: "With `max`: `messages`. Without: `message`, null if there is none.", headers: []param{noStoreAnswer}, schema: &schema{OneOf: []*schema{
			object(members{"message": {OneOf: []*schema{messageSchema, {Type: "null"}}}}, "message"),
			object(members{"messages": array(messageSchema)}, "messages"),
		}}}},
		errors: takeErrors,
		serve:  s.dequeue,
	}
	poll := dequeue
	poll.pattern, poll.alias = "/queue/poll", "poll"
	return append([]route{
		{
			method: http.MethodPost, pattern: "/queue/enqueue", op: "enqueue", tag: "queues", scope: write,
			summary: "Add a message",
			header:  []param{idempotencyKey},
			body:    &bodySpec{schema: enqueueSchema, maxBytes: s.maxValueBody()},
			answers: []answerSpec{{status: 200, doc: "Added, or added before under its `dedupeId`.", headers: []param{versionstampAnswer, replayed}, schema: object(members{
				"ok": always(true), "id": {Type: "string", Format: "uuid"}, "versionstamp": ref("Versionstamp"),
			}, "ok", "id", "versionstamp")}},
			errors: append([]api.Code{api.InvalidKey, api.InvalidJSON, api.TooLarge}, writeErrors...),
			serve:  s.enqueue,
		},
		dequeue, poll, s.listenRoute(),
		{
			method: http.MethodGet, pattern: "/queue/stats", op: "queue_stats", tag: "queues", scope: read,
			summary: "Count messages",
			query:   []param{queueParam.param()},
			answers: []answerSpec{{status: 200, doc: "Of all queues, or of one.", schema: object(queueCountMembers.and("queues", &schema{Type: "object", AdditionalProperties: object(queueCountMembers)}))}},
			errors:  []api.Code{api.Unavailable, api.Timeout},
			serve:   s.queueStats,
		},
	}, settleRoutes(
		route{
			op: "ack", summary: "A message is done",
			doc:     "Without a receipt it is removed whoever holds it, and an id that is gone is fine.",
			body:    &bodySpec{schema: object(ackMembers), maxBytes: maxSettleBody},
			answers: []answerSpec{{status: 200, doc: "Done.", schema: okSchema}},
			errors:  settleErrors, serve: s.ack,
		},
		route{
			op: "nack", summary: "A delivery has failed",
			doc:     "The message is tried again after the next step of its backoff schedule, or becomes a dead letter after its last attempt. Without a receipt, an id that is gone or not locked changes nothing.",
			body:    &bodySpec{schema: object(nackMembers), maxBytes: maxSettleBody},
			answers: []answerSpec{{status: 200, doc: "Noted.", schema: okSchema}},
			errors:  settleErrors, serve: s.nack,
		},
		route{
			op: "extend", summary: "Renew the lock of a delivery",
			body:    &bodySpec{schema: object(extendMembers), maxBytes: maxSettleBody},
			answers: []answerSpec{{status: 200, doc: "Renewed.", schema: object(members{"ok": always(true), "lockedUntil": integer("Unix milliseconds by the database's clock.")}, "ok", "lockedUntil")}},
			errors:  settleErrors, serve: s.extend,
		},
	)...)
}

// settleRoutes completes the routes on one delivery: with the id in the path, and
// for ack and nack also in the body.
func settleRoutes(rows ...route) []route {
	var all []route
	for _, r := range rows {
		r.method, r.tag, r.scope = http.MethodPost, "queues", write
		r.query = []param{receiptParam.param()}
		inBody := r
		r.pattern = "/queue/" + r.op + "/{id}"
		r.path = []param{messageIDInPath}
		optional := *r.body
		optional.optional = true
		r.body = &optional
		all = append(all, r)
		if r.op != "extend" {
			inBody.pattern, inBody.alias = "/queue/"+r.op, "body"
			all = append(all, inBody)
		}
	}
	return all
}

func (s *Server) enqueue(ctx context.Context, c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	message, err := decodeMessage(body, s.cfg.MaxValueBytes)
	if err != nil {
		return err
	}
	part, err := s.enqueuePart([]queue.Enqueue{message})
	if err != nil {
		return err
	}
	req := kv.AtomicRequest{Parts: []sqldb.Part{part}}
	req.Idempotency, err = c.idempotency(func(v kv.Versionstamp, _ kv.AtomicResult) []byte {
		return appendEnqueued(nil, v, part)
	})
	if err != nil {
		return err
	}
	result, err := s.cfg.Store.Atomic(ctx, req)
	if err != nil {
		return err
	}
	c.setVersionstamp(result.Versionstamp)
	if result.Replayed != nil {
		c.replay(result.Replayed)
		return nil
	}
	c.out = appendEnqueued(c.out, result.Versionstamp, part)
	return nil
}

// enqueuePart refuses messages where there are no queues, rather than commit
// without them.
func (s *Server) enqueuePart(messages []queue.Enqueue) (*queue.Part, error) {
	if s.cfg.Queue == nil {
		return nil, invalidArgument("this node has no queues")
	}
	return s.cfg.Queue.NewPart(messages)
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

// appendIDs renders a member with the ids of a part's messages; nothing without
// one.
func appendIDs(dst []byte, part *queue.Part) []byte {
	if part == nil {
		return dst
	}
	dst = append(dst, `,"ids":[`...)
	for i, e := range part.Enqueued() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, e.ID...)
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

func (s *Server) dequeue(ctx context.Context, c *call) error {
	req, many, err := decodeDequeue(c.query)
	if err != nil {
		return err
	}
	if req.Wait == 0 {
		var cancel context.CancelFunc
		ctx, cancel = c.bounded(ctx)
		defer cancel()
	}
	messages, err := s.cfg.Queue.Dequeue(ctx, req)
	if err != nil {
		return err
	}
	if len(messages) > 0 {
		c.unsent = func() { s.release(c.r.Context(), messages) }
	}
	c.setHeader("Cache-Control", "no-store")
	switch {
	case many:
		c.out = appendMessages(c.out, messages)
	case len(messages) == 0:
		c.out = append(c.out, `{"message":null}`...)
	default:
		c.out = append(c.out, `{"message":`...)
		c.out = appendMessage(c.out, &messages[0])
		c.out = append(c.out, '}')
	}
	return nil
}

func decodeDequeue(q query) (req queue.Dequeue, many bool, err error) {
	if req.Queue, _, err = queueName(q); err != nil {
		return req, false, err
	}
	if req.Wait, err = waitParam.get(q); err != nil {
		return req, false, err
	}
	if req.Lock, err = lockParam.get(q); err != nil {
		return req, false, err
	}
	if _, many = q.text(maxParam.name); many {
		var n int64
		n, err = maxParam.get(q)
		req.Max = int(n)
	}
	return req, many, err
}

// queueName is the parameter queue. It may be absent, but not empty.
func queueName(q query) (name string, given bool, err error) {
	if name, given = q.text(queueParam.name); given {
		err = queue.ValidateName(name)
	}
	return name, given, err
}

// release gives messages back that their client has not got.
func (s *Server) release(ctx context.Context, messages []queue.Message) {
	if err := s.cfg.Queue.Release(ctx, messages); err != nil {
		s.cfg.Logger.WarnContext(ctx, "messages could not be given back; their locks will end", "messages", len(messages), "error", err)
	}
}

func appendMessages(dst []byte, messages []queue.Message) []byte {
	dst = append(dst, `{"messages":[`...)
	for i := range messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMessage(dst, &messages[i])
	}
	return append(dst, "]}"...)
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
	return append(dst, '}')
}

func (s *Server) ack(ctx context.Context, c *call) error {
	req, err := c.settlement(ackMembers)
	if err != nil {
		return err
	}
	if err := s.cfg.Queue.Ack(ctx, req.id, req.receipt); err != nil {
		return err
	}
	c.out = append(c.out, `{"ok":true}`...)
	return nil
}

func (s *Server) nack(ctx context.Context, c *call) error {
	req, err := c.settlement(nackMembers)
	if err != nil {
		return err
	}
	if err := s.cfg.Queue.Nack(ctx, req.id, req.receipt, req.failure); err != nil {
		return err
	}
	c.out = append(c.out, `{"ok":true}`...)
	return nil
}

func (s *Server) extend(ctx context.Context, c *call) error {
	req, err := c.settlement(extendMembers)
	if err != nil {
		return err
	}
	until, err := s.cfg.Queue.Extend(ctx, req.id, req.receipt, req.lock)
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"ok":true,"lockedUntil":`...)
	c.out = strconv.AppendInt(c.out, until, 10)
	c.out = append(c.out, '}')
	return nil
}

func (s *Server) queueStats(ctx context.Context, c *call) error {
	name, one, err := queueName(c.query)
	if err != nil {
		return err
	}
	stats, err := s.cfg.Queue.Stats(ctx)
	if err != nil {
		return err
	}
	c.setHeader("Cache-Control", "no-store")
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
	c.out = appendJSON(c.out, answer)
	return nil
}

func queueCounts(c queue.Counts) api.QueueCounts {
	return api.QueueCounts{Pending: c.Pending, Delayed: c.Delayed, Processing: c.Processing, DLQ: c.Dead, Total: c.Total()}
}

// queueSnapshot is the section queue of GET /metrics.
func (s *Server) queueSnapshot(ctx context.Context) (any, error) {
	stats, err := s.cfg.Queue.Sampled(ctx)
	return queueCounts(stats.Counts), err
}
