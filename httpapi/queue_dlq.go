package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/queue"
)

// maxDeadLetters is how many a list has at most.
const maxDeadLetters = 1000

// headerCursor carries the cursor of an answer that is an array.
const headerCursor = "Keyval-Cursor"

var (
	deadQueueParam  = textParam{name: "queue", doc: "The queue's name; absent: all queues."}
	offsetParam     = intParam{name: "offset", doc: "Leave out so many of the newest.", min: 0, max: 1 << 31}
	deadCursorParam = textParam{name: "cursor", doc: "The `Keyval-Cursor` of the page before."}

	deadIDInPath = param{name: "id", doc: "The dead letter's id.", schema: &schema{Type: "string", Format: "uuid"}}
	cursorAnswer = param{name: headerCursor, schema: text(""), doc: "Goes on after the last letter of the page; absent on the last page."}

	deadLetterSchema = object(members{
		"id":                {Type: "string", Format: "uuid"},
		"originalId":        {Type: "string", Format: "uuid", Description: "The message's."},
		"value":             {Description: "Any JSON."},
		"errorMessage":      text("Why the last attempt failed."),
		"attempts":          integer(""),
		"originalCreatedAt": integer("Unix milliseconds."),
		"failedAt":          integer("Unix milliseconds."),
		"queue":             text(""),
	}, "id", "originalId", "value", "errorMessage", "attempts", "originalCreatedAt", "failedAt", "queue")
)

// deadLetterRoutes are those of messages whose last attempt failed; none without
// queues.
func (s *Server) deadLetterRoutes() []route {
	if s.cfg.Queue == nil {
		return nil
	}
	readErrors := []api.Code{api.Unavailable, api.Timeout}
	path := []param{deadIDInPath}
	return []route{
		{
			method: http.MethodGet, pattern: "/queue/dlq", op: "dead_letters", tag: "dead letters", scope: read,
			summary: "List dead letters, newest first",
			query:   []param{deadQueueParam.param(), limitParam.param(), offsetParam.param(), deadCursorParam.param()},
			answers: []answerSpec{{status: 200, doc: "The dead letters.", schema: array(deadLetterSchema), headers: []param{cursorAnswer}}},
			errors:  append([]api.Code{api.InvalidCursor, api.TooLarge}, readErrors...),
			serve:   s.deadLetters,
		},
		{
			method: http.MethodGet, pattern: "/queue/dlq/{id}", op: "dead_letter", tag: "dead letters", scope: read, path: path,
			summary: "Read a dead letter",
			answers: []answerSpec{{status: 200, doc: "The dead letter.", schema: deadLetterSchema}},
			errors:  append([]api.Code{api.NotFound}, readErrors...),
			serve:   s.deadLetter,
		},
		{
			method: http.MethodPost, pattern: "/queue/dlq/{id}/requeue", op: "requeue", tag: "dead letters", scope: write, path: path,
			summary: "Make a dead letter a message again",
			doc:     "With no attempts, and its options as they were. The message has a new id.",
			answers: []answerSpec{{status: 200, doc: "`id` and `newId` are the message's.", schema: object(members{
				"ok": always(true), "id": {Type: "string", Format: "uuid"}, "newId": {Type: "string", Format: "uuid"},
			}, "ok", "id", "newId")}},
			errors: append([]api.Code{api.NotFound}, writeErrors...),
			serve:  s.requeue,
		},
		{
			method: http.MethodDelete, pattern: "/queue/dlq/{id}", op: "dead_letter_delete", tag: "dead letters", scope: write, path: path,
			summary: "Delete a dead letter",
			answers: []answerSpec{{status: 200, doc: "Deleted, or not there.", schema: okSchema}},
			errors:  writeErrors,
			serve:   s.deleteDeadLetter,
		},
		{
			method: http.MethodDelete, pattern: "/queue/dlq", op: "dead_letter_delete", alias: "all", tag: "dead letters", scope: write,
			summary: "Delete all dead letters, or those of one queue",
			doc:     "1,000 at a time, each batch being a commit of its own.",
			query:   []param{deadQueueParam.param()},
			answers: []answerSpec{{status: 200, doc: "How many there were.", schema: purgedSchema}},
			errors:  writeErrors,
			serve:   s.purgeDeadLetters,
		},
	}
}

func (s *Server) deadLetters(ctx context.Context, c *call) error {
	list, err := decodeDeadLetterList(c.query)
	if err != nil {
		return err
	}
	letters, cursor, err := s.cfg.Queue.DeadLetters(ctx, list)
	if err != nil {
		return err
	}
	if err := c.reserve(deadLettersBytes(letters)); err != nil {
		return err
	}
	if cursor != "" {
		c.setHeader(headerCursor, cursor)
	}
	c.setHeader("Cache-Control", "no-store")
	c.out = append(c.out, '[')
	for i := range letters {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = appendDeadLetter(c.out, &letters[i])
	}
	c.out = append(c.out, ']')
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
	dst = appendJSON(dst, d.ErrorMessage)
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

func (s *Server) deadLetter(ctx context.Context, c *call) error {
	id, err := c.pathValue("id")
	if err != nil {
		return err
	}
	letter, err := s.cfg.Queue.DeadLetter(ctx, id)
	if err != nil {
		return err
	}
	c.setHeader("Cache-Control", "no-store")
	c.out = appendDeadLetter(c.out, &letter)
	return nil
}

func (s *Server) requeue(ctx context.Context, c *call) error {
	id, err := c.pathValue("id")
	if err != nil {
		return err
	}
	messageID, err := s.cfg.Queue.Requeue(ctx, id)
	if err != nil {
		return err
	}
	c.out = appendJSON(c.out, api.RequeueResult{OK: true, ID: messageID, NewID: messageID})
	return nil
}

func (s *Server) deleteDeadLetter(ctx context.Context, c *call) error {
	id, err := c.pathValue("id")
	if err != nil {
		return err
	}
	if err := s.cfg.Queue.DeleteDeadLetter(ctx, id); err != nil {
		return err
	}
	c.out = append(c.out, `{"ok":true}`...)
	return nil
}

func (s *Server) purgeDeadLetters(ctx context.Context, c *call) error {
	name, _, err := queueName(c.query)
	if err != nil {
		return err
	}
	deleted, err := s.cfg.Queue.Purge(ctx, name)
	return c.purged(deleted, "dead letters", err)
}
