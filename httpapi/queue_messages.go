package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

var (
	browsedState = textParam{name: "state", doc: "Only these; absent: all.", oneOf: messageStates}
	purgedState  = textParam{name: "state", doc: "Only these; absent: `ready` and `delayed`. What is being processed goes only with `processing`.", oneOf: messageStates}

	messageStates = []string{string(queue.Ready), string(queue.Delayed), string(queue.Processing)}

	browsedSchema = object(members{
		"id":          {Type: "string", Format: "uuid"},
		"value":       {Description: "Any JSON."},
		"attempts":    integer("Deliveries so far, a running one included."),
		"priority":    integer(""),
		"enqueuedAt":  integer("Unix milliseconds by the database's clock, as all times here."),
		"readyAt":     integer("When it became or becomes ready."),
		"lockedUntil": {Type: []string{"integer", "null"}, Description: "When the lock of its delivery ends; null unless it is being processed."},
	}, "id", "value", "attempts", "priority", "enqueuedAt", "readyAt", "lockedUntil")
	purgedSchema = object(members{"ok": always(true), "deletedCount": integer("")}, "ok", "deletedCount")
)

// messageRoutes look at messages without taking them and purge them; none without
// queues.
func (s *Server) messageRoutes() []route {
	if s.cfg.Queue == nil {
		return nil
	}
	const path = "/queue/messages"
	return []route{
		{
			method: http.MethodGet, pattern: path, op: "queue_messages", tag: "queues", scope: read,
			summary: "Look at messages without taking them",
			doc:     "First those that wait, in the order of their delivery as things stand: of higher priority, then ready earlier, then enqueued earlier. Then those that are being processed, by when their locks end. A page has fewer than `limit` before the last if values are large.",
			query:   []param{queueParam.param(), browsedState.param(), limitParam.param(), cursorParam.param()},
			answers: []answerSpec{{status: 200, doc: "A page; `cursor` is null on the last.", schema: object(members{
				"messages": array(browsedSchema), "cursor": {Type: []string{"string", "null"}},
			}, "messages", "cursor")}},
			errors: []api.Code{api.InvalidCursor, api.Unavailable, api.Timeout},
			serve:  s.browseMessages,
		},
		{
			method: http.MethodDelete, pattern: path, op: "queue_purge", tag: "queues", scope: write,
			summary: "Purge a queue",
			doc:     "Removes the messages that are there when it begins, 1,000 at a time, each batch being a commit of its own. They leave no dead letters.",
			query:   []param{queueParam.param(), purgedState.param()},
			answers: []answerSpec{{status: 200, doc: "How many there were.", schema: purgedSchema}},
			errors:  writeErrors,
			serve:   s.purgeMessages,
		},
		{
			method: http.MethodDelete, pattern: path + "/{id}", op: "queue_purge", alias: "one", tag: "queues", scope: write,
			path:    []param{messageIDInPath},
			summary: "Purge one message",
			query:   []param{purgedState.param()},
			answers: []answerSpec{{status: 200, doc: "Whether it was there, in that state.", schema: purgedSchema}},
			errors:  writeErrors,
			serve:   s.purgeMessage,
		},
	}
}

func (s *Server) browseMessages(ctx context.Context, c *call) error {
	b, err := decodeBrowse(c.query)
	if err != nil {
		return err
	}
	messages, cursor, err := s.cfg.Queue.Browse(ctx, b)
	if err != nil {
		return err
	}
	if err := c.reserve(browsedBytes(messages)); err != nil {
		return err
	}
	c.setHeader("Cache-Control", "no-store")
	c.out = append(c.out, `{"messages":[`...)
	for i := range messages {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = appendBrowsed(c.out, &messages[i])
	}
	c.out = append(c.out, `],"cursor":`...)
	if cursor == "" {
		c.out = append(c.out, `null}`...)
		return nil
	}
	c.out = append(c.out, '"')
	c.out = append(c.out, cursor...) // base64url
	c.out = append(c.out, `"}`...)
	return nil
}

func decodeBrowse(q query) (b queue.Browse, err error) {
	if b.Queue, _, err = queueName(q); err != nil {
		return b, err
	}
	if b.State, err = messageState(q); err != nil {
		return b, err
	}
	limit, err := limitParam.get(q)
	if err != nil {
		return b, err
	}
	b.Limit = int(min(limit, maxListLimit))
	b.MaxBytes = maxAnswerBytes - b.Limit*browsedMembers
	var given bool
	if b.Cursor, given = q.text(cursorParam.name); given && b.Cursor == "" {
		return b, kv.ErrInvalidCursor
	}
	return b, nil
}

// messageState is the parameter state. It may be absent, but not empty.
func messageState(q query) (queue.State, error) {
	text, given := q.text(browsedState.name)
	if given && text == "" {
		return "", invalidArgument("state is empty; leave it out, or give %s, %s or %s", queue.Ready, queue.Delayed, queue.Processing)
	}
	return queue.State(text), nil
}

// browsedMembers is about how long a message is when rendered, without its value.
const browsedMembers = 256

// browsedBytes is about how long messages are when rendered.
func browsedBytes(messages []queue.Browsed) int64 {
	n := len(messages) * browsedMembers
	for i := range messages {
		n += len(messages[i].Value)
	}
	return int64(n)
}

// appendBrowsed renders a message. The value is copied as the JSON that it is.
func appendBrowsed(dst []byte, m *queue.Browsed) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, m.ID...)
	dst = append(dst, `","value":`...)
	dst = append(dst, m.Value...)
	dst = append(dst, `,"attempts":`...)
	dst = strconv.AppendInt(dst, int64(m.Attempts), 10)
	dst = append(dst, `,"priority":`...)
	dst = strconv.AppendInt(dst, int64(m.Priority), 10)
	dst = append(dst, `,"enqueuedAt":`...)
	dst = strconv.AppendInt(dst, m.EnqueuedAt, 10)
	dst = append(dst, `,"readyAt":`...)
	dst = strconv.AppendInt(dst, m.ReadyAt, 10)
	dst = append(dst, `,"lockedUntil":`...)
	if m.LockedUntil == 0 {
		return append(dst, `null}`...)
	}
	dst = strconv.AppendInt(dst, m.LockedUntil, 10)
	return append(dst, '}')
}

func (s *Server) purgeMessages(ctx context.Context, c *call) error {
	name, _, err := queueName(c.query)
	if err != nil {
		return err
	}
	state, err := messageState(c.query)
	if err != nil {
		return err
	}
	deleted, err := s.cfg.Queue.PurgeMessages(ctx, name, state)
	return c.purged(deleted, "messages", err)
}

func (s *Server) purgeMessage(ctx context.Context, c *call) error {
	id, err := c.pathValue("id")
	if err != nil {
		return err
	}
	state, err := messageState(c.query)
	if err != nil {
		return err
	}
	deleted, err := s.cfg.Queue.PurgeMessage(ctx, id, state)
	n := 0
	if deleted {
		n = 1
	}
	return c.purged(n, "messages", err)
}

// purged answers with how many messages or dead letters a purge has removed, also if
// it has run out of time.
func (c *call) purged(deleted int, what string, err error) error {
	if err != nil {
		return describeProgress(err, int64(deleted), what)
	}
	c.out = appendJSON(c.out, api.PurgeResult{OK: true, DeletedCount: int64(deleted)})
	return nil
}
