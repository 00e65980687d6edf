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

var (
	browsedState = route.TextParam{Name: "state", Doc: "Only these; absent: all.", OneOf: messageStates}
	purgedState  = route.TextParam{Name: "state", Doc: "Only these; absent: `ready` and `delayed`. What is being processed goes only with `processing`.", OneOf: messageStates}

	messageStates = []string{string(queue.Ready), string(queue.Delayed), string(queue.Processing)}

	browsedSchema = route.Object(route.Members{
		"id":          {Type: "string", Format: "uuid"},
		"value":       {Description: "Any JSON."},
		"attempts":    route.Integer("Deliveries so far, a running one included."),
		"priority":    route.Integer(""),
		"enqueuedAt":  route.Integer("Unix milliseconds by the database's clock, as all times here."),
		"readyAt":     route.Integer("When it became or becomes ready."),
		"lockedUntil": {Type: []string{"integer", "null"}, Description: "When the lock of its delivery ends; null unless it is being processed."},
	}, "id", "value", "attempts", "priority", "enqueuedAt", "readyAt", "lockedUntil")
	purgedSchema = route.Object(route.Members{"ok": route.Always(true), "deletedCount": route.Integer("")}, "ok", "deletedCount")
)

// messageRoutes look at messages without taking them and purge them.
func (q *room) messageRoutes() []route.Route {
	const path = "/queue/messages"
	return []route.Route{
		{
			Method: http.MethodGet, Pattern: path, Op: "queue_messages", Tag: tagQueues, Scope: access.Queue,
			Summary: "Look at messages without taking them",
			Doc:     "First those that wait, in the order of their delivery as things stand: of higher priority, then ready earlier, then enqueued earlier. Then those that are being processed, by when their locks end. A page has fewer than `limit` before the last if values are large.",
			Query:   []route.Param{queueParam.Param(), browsedState.Param(), wire.LimitParam.Param(), wire.CursorParam.Param()},
			Answers: []route.Answer{{Status: 200, Doc: "A page; `cursor` is null on the last.", Schema: route.Object(route.Members{
				"messages": route.Array(browsedSchema), "cursor": {Type: []string{"string", "null"}},
			}, "messages", "cursor")}},
			Errors: []api.Code{api.InvalidCursor, api.Unavailable, api.Timeout},
			Serve:  q.browseMessages,
		},
		{
			Method: http.MethodDelete, Pattern: path, Op: "queue_purge", Tag: tagQueues, Scope: access.Queue, Changes: true, Administrative: true,
			Summary: "Purge a queue",
			Doc:     "Removes the messages that are there when it begins, 1,000 at a time, each batch being a commit of its own. They leave no dead letters.",
			Query:   []route.Param{queueParam.Param(), purgedState.Param()},
			Answers: []route.Answer{{Status: 200, Doc: "How many there were.", Schema: purgedSchema}},
			Errors:  wire.WriteErrors,
			Serve:   q.purgeMessages,
		},
		{
			Method: http.MethodDelete, Pattern: path + "/{id}", Op: "queue_purge", Alias: "one", Tag: tagQueues, Scope: access.Queue, Changes: true, Administrative: true,
			Path:    []route.Param{messageIDInPath},
			Summary: "Purge one message",
			Query:   []route.Param{purgedState.Param()},
			Answers: []route.Answer{{Status: 200, Doc: "Whether it was there, in that state.", Schema: purgedSchema}},
			Errors:  wire.WriteErrors,
			Serve:   q.purgeMessage,
		},
	}
}

func (q *room) browseMessages(ctx context.Context, c *route.Call) error {
	b, err := decodeBrowse(c.Query)
	if err != nil {
		return err
	}
	messages, cursor, err := q.Queue.For(c.Grant).Browse(ctx, b)
	if err != nil {
		return err
	}
	if err := c.Reserve(browsedBytes(messages)); err != nil {
		return err
	}
	c.SetHeader("Cache-Control", "no-store")
	c.Out = append(c.Out, `{"messages":`...)
	c.Out = route.AppendArray(c.Out, messages, appendBrowsed)
	c.Out = append(c.Out, `,"cursor":`...)
	if cursor == "" {
		c.Out = append(c.Out, `null}`...)
		return nil
	}
	c.Out = append(c.Out, '"')
	c.Out = append(c.Out, cursor...) // base64url
	c.Out = append(c.Out, `"}`...)
	return nil
}

func decodeBrowse(q route.Query) (b queue.Browse, err error) {
	if b.Queue, _, err = queueName(q); err != nil {
		return b, err
	}
	if b.State, err = messageState(q); err != nil {
		return b, err
	}
	if b.Limit, err = wire.Limit(q); err != nil {
		return b, err
	}
	b.MaxBytes = route.MaxAnswerBytes - b.Limit*browsedMembers
	var given bool
	if b.Cursor, given = q.Text(wire.CursorParam.Name); given && b.Cursor == "" {
		return b, kv.ErrInvalidCursor
	}
	return b, nil
}

// messageState is the parameter state. It may be absent, but not empty.
func messageState(q route.Query) (queue.State, error) {
	text, given := q.Text(browsedState.Name)
	if given && text == "" {
		return "", route.InvalidArgument("state is empty; leave it out, or give %s, %s or %s", queue.Ready, queue.Delayed, queue.Processing)
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

func (q *room) purgeMessages(ctx context.Context, c *route.Call) error {
	name, _, err := queueName(c.Query)
	if err != nil {
		return err
	}
	state, err := messageState(c.Query)
	if err != nil {
		return err
	}
	deleted, err := q.Queue.For(c.Grant).PurgeMessages(ctx, name, state)
	return purged(c, deleted, "messages", err)
}

func (q *room) purgeMessage(ctx context.Context, c *route.Call) error {
	id, err := c.PathValue("id")
	if err != nil {
		return err
	}
	state, err := messageState(c.Query)
	if err != nil {
		return err
	}
	deleted, err := q.Queue.For(c.Grant).PurgeMessage(ctx, id, state)
	n := 0
	if deleted {
		n = 1
	}
	return purged(c, n, "messages", err)
}

// purged answers with how many messages or dead letters a purge has removed, also if
// it has run out of time.
func purged(c *route.Call, deleted int, what string, err error) error {
	if err != nil {
		return c.DeletedOnly(int64(deleted), what, err)
	}
	c.Out = route.AppendJSON(c.Out, api.PurgeResult{OK: true, DeletedCount: int64(deleted)})
	return nil
}
