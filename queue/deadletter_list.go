package queue

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A DeadLetter is a message whose last attempt has failed. Times are in Unix
// milliseconds of the database's clock.
type DeadLetter struct {
	ID                string
	OriginalID        string // the message's
	Value             []byte // JSON text
	ErrorMessage      string // why the last attempt failed
	Attempts          int
	OriginalCreatedAt int64 // when the message was enqueued
	FailedAt          int64
	Queue             string
}

// A DeadLetterList says which dead letters to list, newest first.
type DeadLetterList struct {
	// Queue is its name; "" lists those of all queues.
	Queue string
	// Limit is how many at most.
	Limit int
	// Offset leaves out that many of the newest.
	Offset int
	// Cursor goes on after the last one of the page that it came with;
	// "" begins with the newest.
	Cursor string
}

// deadLetterListBytes bounds the values of a list of dead letters.
const deadLetterListBytes = 64 << 20

const (
	deadLetterColumnsSQL = `d.id,d.original_id,d.value,d.error_message,d.attempts,d.original_created_at,d.failed_at,d.queue`

	deadLetterGetSQL = `SELECT ` + deadLetterColumnsSQL + ` FROM kv_dlq d WHERE d.id=?1 AND (?2 IS NULL OR d.queue IN (SELECT value FROM json_each(?2)))`

	// The page stops itself before its answer grows too large.
	deadLetterPageSQL = `SELECT ` + deadLetterColumnsSQL + ` FROM (
SELECT p.id,sum(p.size) OVER (ORDER BY p.failed_at DESC,p.id DESC)-p.size AS before FROM (
 SELECT d.id,d.failed_at,d.size FROM kv_dlq d WHERE %s AND (d.failed_at,d.id)<(?1,?2)
 ORDER BY d.failed_at DESC,d.id DESC LIMIT ?3 OFFSET ?4) p) p CROSS JOIN kv_dlq d
WHERE d.id=p.id AND p.before<?5 ORDER BY d.failed_at DESC,d.id DESC`
)

var (
	deadLettersOfAllSQL   = strings.Replace(deadLetterPageSQL, "%s", "?6 IS NOT NULL", 1)
	deadLettersOfQueueSQL = strings.Replace(deadLetterPageSQL, "%s", "d.queue=?6", 1)
)

// DeadLetter returns one dead letter. An unknown id is kv.ErrNotFound.
func (q *Queue) DeadLetter(ctx context.Context, queues Names, id string) (DeadLetter, error) {
	if !isID(id) {
		return DeadLetter{}, errNoDeadLetter
	}
	rows, err := q.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: deadLetterGetSQL, Args: []any{id, queues.cell()}})
	if err != nil {
		return DeadLetter{}, failure(err)
	}
	if len(rows) == 0 {
		return DeadLetter{}, errNoDeadLetter
	}
	return scanDeadLetter(rows[0]), nil
}

func scanDeadLetter(row sqldb.Row) DeadLetter {
	return DeadLetter{
		ID:                row.Text(0),
		OriginalID:        row.Text(1),
		Value:             row.Bytes(2),
		ErrorMessage:      row.Text(3),
		Attempts:          int(row.Integer(4)),
		OriginalCreatedAt: row.Integer(5),
		FailedAt:          row.Integer(6),
		Queue:             row.Text(7),
	}
}

// DeadLetters lists dead letters, newest first, and returns a cursor that goes
// on after them, "" at the end. Values of more than 64 MiB in all are
// kv.ErrTooLarge.
func (q *Queue) DeadLetters(ctx context.Context, list DeadLetterList) (found []DeadLetter, cursor string, err error) {
	if list.Queue != "" {
		if err := ValidateName(list.Queue); err != nil {
			return nil, "", err
		}
	}
	from, err := parseDeadLetterCursor(list.Cursor)
	if err != nil {
		return nil, "", err
	}
	bytes := 0
	for len(found) < list.Limit {
		page, err := q.deadLetterPage(ctx, list.Queue, from, list.Limit-len(found), list.Offset)
		if err != nil {
			return nil, "", failure(err)
		}
		if len(page) == 0 {
			return found, "", nil
		}
		for _, d := range page {
			bytes += len(d.Value)
		}
		if bytes > deadLetterListBytes {
			return nil, "", fmt.Errorf("%w: the dead letters have more than %d MiB of values; ask for fewer with limit", kv.ErrTooLarge, deadLetterListBytes>>20)
		}
		found = append(found, page...)
		last := page[len(page)-1]
		from, list.Offset = deadLetterCursor{last.FailedAt, last.ID}, 0
	}
	if more, err := q.deadLetterPage(ctx, list.Queue, from, 1, 0); err != nil || len(more) == 0 {
		return found, "", failure(err)
	}
	return found, from.String(), nil
}

func (q *Queue) deadLetterPage(ctx context.Context, name string, from deadLetterCursor, limit, offset int) ([]DeadLetter, error) {
	sql := deadLettersOfQueueSQL
	if name == "" {
		sql = deadLettersOfAllSQL
	}
	rows, err := q.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: sql, Args: []any{
		from.failedAt, from.id, int64(limit), int64(offset), int64(takeBytes), name}})
	if err != nil {
		return nil, err
	}
	page := make([]DeadLetter, len(rows))
	for i, row := range rows {
		page[i] = scanDeadLetter(row)
	}
	return page, nil
}

// A deadLetterCursor is the place of a dead letter in the list.
type deadLetterCursor struct {
	failedAt int64
	id       string
}

func (c deadLetterCursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.failedAt, 10) + "/" + c.id))
}

func parseDeadLetterCursor(s string) (deadLetterCursor, error) {
	if s == "" {
		return deadLetterCursor{failedAt: 1 << 62}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		at, id, _ := strings.Cut(string(raw), "/")
		var failedAt int64
		if failedAt, err = strconv.ParseInt(at, 10, 64); err == nil && isID(id) {
			return deadLetterCursor{failedAt, id}, nil
		}
	}
	return deadLetterCursor{}, fmt.Errorf("%w: this is no cursor of a list of dead letters", kv.ErrInvalidCursor)
}
