package queues

import (
	"context"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/queue"
)

// headerCursor carries the cursor of an answer that is an array.
const headerCursor = "Keyval-Cursor"

var (
	deadQueueParam  = route.TextParam{Name: "queue", Doc: "The queue's name; absent: all queues."}
	offsetParam     = route.IntParam{Name: "offset", Doc: "Leave out so many of the newest.", Min: 0, Max: 1 << 31}
	deadCursorParam = route.TextParam{Name: "cursor", Doc: "The `Keyval-Cursor` of the page before."}

	deadIDInPath = route.Param{Name: "id", Doc: "The dead letter's id.", Schema: &route.Schema{Type: "string", Format: "uuid"}}
	cursorAnswer = route.Param{Name: headerCursor, Schema: route.Text(""), Doc: "Goes on after the last letter of the page; absent on the last page."}

	deadLetterSchema = route.Object(route.Members{
		"id":                {Type: "string", Format: "uuid"},
		"originalId":        {Type: "string", Format: "uuid", Description: "The message's."},
		"value":             {Description: "Any JSON."},
		"errorMessage":      route.Text("Why the last attempt failed."),
		"attempts":          route.Integer(""),
		"originalCreatedAt": route.Integer("Unix milliseconds."),
		"failedAt":          route.Integer("Unix milliseconds."),
		"queue":             route.Text(""),
	}, "id", "originalId", "value", "errorMessage", "attempts", "originalCreatedAt", "failedAt", "queue")
)

// deadLetterRoutes are those of messages whose last attempt failed.
func (q *room) deadLetterRoutes() []route.Route {
	readErrors := []api.Code{api.Unavailable, api.Timeout}
	path := []route.Param{deadIDInPath}
	return []route.Route{
		{
			Method: http.MethodGet, Pattern: "/queue/dlq", Op: "dead_letters", Tag: tagDeadLetters, Scope: access.Queue,
			Summary: "List dead letters, newest first",
			Query:   []route.Param{deadQueueParam.Param(), wire.LimitParam.Param(), offsetParam.Param(), deadCursorParam.Param()},
			Answers: []route.Answer{{Status: 200, Doc: "The dead letters.", Schema: route.Array(deadLetterSchema), Headers: []route.Param{cursorAnswer}}},
			Errors:  append([]api.Code{api.InvalidCursor, api.TooLarge}, readErrors...),
			Serve:   q.deadLetters,
		},
		{
			Method: http.MethodGet, Pattern: "/queue/dlq/{id}", Op: "dead_letter", Tag: tagDeadLetters, Scope: access.Queue, Path: path,
			Summary: "Read a dead letter",
			Answers: []route.Answer{{Status: 200, Doc: "The dead letter.", Schema: deadLetterSchema}},
			Errors:  append([]api.Code{api.NotFound}, readErrors...),
			Serve:   q.deadLetter,
		},
		{
			Method: http.MethodPost, Pattern: "/queue/dlq/{id}/requeue", Op: "requeue", Tag: tagDeadLetters, Scope: access.Queue, Changes: true, Administrative: true, Path: path,
			Summary: "Make a dead letter a message again",
			Doc:     "With no attempts, and its options as they were. The message has a new id.",
			Answers: []route.Answer{{Status: 200, Doc: "`id` and `newId` are the message's.", Schema: route.Object(route.Members{
				"ok": route.Always(true), "id": {Type: "string", Format: "uuid"}, "newId": {Type: "string", Format: "uuid"},
			}, "ok", "id", "newId")}},
			Errors: append([]api.Code{api.NotFound}, wire.WriteErrors...),
			Serve:  q.requeue,
		},
		{
			Method: http.MethodDelete, Pattern: "/queue/dlq/{id}", Op: "dead_letter_delete", Tag: tagDeadLetters, Scope: access.Queue, Changes: true, Administrative: true, Path: path,
			Summary: "Delete a dead letter",
			Answers: []route.Answer{{Status: 200, Doc: "Deleted, or not there.", Schema: okSchema}},
			Errors:  wire.WriteErrors,
			Serve:   q.deleteDeadLetter,
		},
		{
			Method: http.MethodDelete, Pattern: "/queue/dlq", Op: "dead_letter_delete", Alias: "all", Tag: tagDeadLetters, Scope: access.Queue, Changes: true, Administrative: true,
			Summary: "Delete all dead letters, or those of one queue",
			Doc:     "1,000 at a time, each batch being a commit of its own.",
			Query:   []route.Param{deadQueueParam.Param()},
			Answers: []route.Answer{{Status: 200, Doc: "How many there were.", Schema: purgedSchema}},
			Errors:  wire.WriteErrors,
			Serve:   q.purgeDeadLetters,
		},
	}
}

func (q *room) deadLetters(ctx context.Context, c *route.Call) error {
	list, err := decodeDeadLetterList(c.Query)
	if err != nil {
		return err
	}
	letters, cursor, err := q.Queue.For(c.Grant).DeadLetters(ctx, list)
	if err != nil {
		return err
	}
	if err := c.Reserve(deadLettersBytes(letters)); err != nil {
		return err
	}
	if cursor != "" {
		c.SetHeader(headerCursor, cursor)
	}
	c.SetHeader("Cache-Control", "no-store")
	c.Out = route.AppendArray(c.Out, letters, appendDeadLetter)
	return nil
}

// deadLettersBytes is about how long dead letters are when rendered.
func deadLettersBytes(letters []queue.DeadLetter) int64 {
	const members = 384
	n := len(letters) * members
	for i := range letters {
		n += len(letters[i].Value) + len(letters[i].ErrorMessage)
	}
	return int64(n)
}

func appendDeadLetter(dst []byte, d *queue.DeadLetter) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, d.ID...)
	dst = append(dst, `","originalId":"`...)
	dst = append(dst, d.OriginalID...)
	dst = append(dst, `","value":`...)
	dst = append(dst, d.Value...)
	dst = append(dst, `,"errorMessage":`...)
	dst = route.AppendJSON(dst, d.ErrorMessage)
	dst = append(dst, `,"attempts":`...)
	dst = strconv.AppendInt(dst, int64(d.Attempts), 10)
	dst = append(dst, `,"originalCreatedAt":`...)
	dst = strconv.AppendInt(dst, d.OriginalCreatedAt, 10)
	dst = append(dst, `,"failedAt":`...)
	dst = strconv.AppendInt(dst, d.FailedAt, 10)
	dst = append(dst, `,"queue":"`...)
	dst = append(dst, d.Queue...)
	return append(dst, `"}`...)
}

func (q *room) deadLetter(ctx context.Context, c *route.Call) error {
	id, err := c.PathValue("id")
	if err != nil {
		return err
	}
	letter, err := q.Queue.For(c.Grant).DeadLetter(ctx, id)
	if err != nil {
		return err
	}
	c.SetHeader("Cache-Control", "no-store")
	c.Out = appendDeadLetter(c.Out, &letter)
	return nil
}

func (q *room) requeue(ctx context.Context, c *route.Call) error {
	id, err := c.PathValue("id")
	if err != nil {
		return err
	}
	messageID, err := q.Queue.For(c.Grant).Requeue(ctx, id)
	if err != nil {
		return err
	}
	c.Out = route.AppendJSON(c.Out, api.RequeueResult{OK: true, ID: messageID, NewID: messageID})
	return nil
}

func (q *room) deleteDeadLetter(ctx context.Context, c *route.Call) error {
	id, err := c.PathValue("id")
	if err != nil {
		return err
	}
	if err := q.Queue.For(c.Grant).DeleteDeadLetter(ctx, id); err != nil {
		return err
	}
	c.Out = append(c.Out, `{"ok":true}`...)
	return nil
}

func (q *room) purgeDeadLetters(ctx context.Context, c *route.Call) error {
	name, _, err := queueName(c.Query)
	if err != nil {
		return err
	}
	deleted, err := q.Queue.For(c.Grant).PurgeDeadLetters(ctx, name)
	return purged(c, deleted, "dead letters", err)
}
