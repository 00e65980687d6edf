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
	// Cursor goes on after the last letter of the page that it came with;
	// "" begins with the newest.
	Cursor string
}

// deadListBytes bounds the values of a list of dead letters.
const deadListBytes = 64 << 20

const (
	deadColumnsSQL = `d.id,d.original_id,d.value,d.error_message,d.attempts,d.original_created_at,d.failed_at,d.queue`

	deadGetSQL = `SELECT ` + deadColumnsSQL + ` FROM kv_dlq d WHERE d.id=?`

	// The page stops itself before its answer grows too large.
	deadPageSQL = `SELECT ` + deadColumnsSQL + ` FROM (
SELECT p.id,sum(p.size) OVER (ORDER BY p.failed_at DESC,p.id DESC)-p.size AS before FROM (
 SELECT d.id,d.failed_at,d.size FROM kv_dlq d WHERE %s AND (d.failed_at,d.id)<(?1,?2)
 ORDER BY d.failed_at DESC,d.id DESC LIMIT ?3 OFFSET ?4) p) p CROSS JOIN kv_dlq d
WHERE d.id=p.id AND p.before<?5 ORDER BY d.failed_at DESC,d.id DESC`
)

var (
	deadAllSQL   = strings.Replace(deadPageSQL, "%s", "?6 IS NOT NULL", 1)
	deadQueueSQL = strings.Replace(deadPageSQL, "%s", "d.queue=?6", 1)
)

// DeadLetter returns one dead letter. An unknown id is kv.ErrNotFound.
func (q *Queue) DeadLetter(ctx context.Context, id string) (DeadLetter, error) {
	if !isID(id) {
		return DeadLetter{}, errNoDeadLetter
	}
	rows, err := q.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: deadGetSQL, Args: []any{id}})
	if err != nil {
		return DeadLetter{}, failure(err)
	}
	if len(rows) == 0 {
		return DeadLetter{}, errNoDeadLetter
	}
	return scanDeadLetter(rows[0]), nil
}

var errNoDeadLetter = fmt.Errorf("%w: no dead letter has this id", kv.ErrNotFound)

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
func (q *Queue) DeadLetters(ctx context.Context, list DeadLetterList) (letters []DeadLetter, cursor string, err error) {
	if list.Queue != "" {
		if err := ValidateName(list.Queue); err != nil {
			return nil, "", err
		}
	}
	from, err := parseDeadCursor(list.Cursor)
	if err != nil {
		return nil, "", err
	}
	bytes := 0
	for len(letters) < list.Limit {
		page, err := q.deadPage(ctx, list.Queue, from, list.Limit-len(letters), list.Offset)
		if err != nil {
			return nil, "", failure(err)
		}
		if len(page) == 0 {
			return letters, "", nil
		}
		for _, d := range page {
			bytes += len(d.Value)
		}
		if bytes > deadListBytes {
			return nil, "", fmt.Errorf("%w: the dead letters have more than %d MiB of values; ask for fewer with limit", kv.ErrTooLarge, deadListBytes>>20)
		}
		letters = append(letters, page...)
		last := page[len(page)-1]
		from, list.Offset = deadCursor{last.FailedAt, last.ID}, 0
	}
	if more, err := q.deadPage(ctx, list.Queue, from, 1, 0); err != nil || len(more) == 0 {
		return letters, "", failure(err)
	}
	return letters, from.String(), nil
}

func (q *Queue) deadPage(ctx context.Context, name string, from deadCursor, limit, offset int) ([]DeadLetter, error) {
	sql := deadQueueSQL
	if name == "" {
		sql = deadAllSQL
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

// A deadCursor is the place of a dead letter in the list.
type deadCursor struct {
	failedAt int64
	id       string
}

func (c deadCursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.failedAt, 10) + "/" + c.id))
}

func parseDeadCursor(s string) (deadCursor, error) {
	if s == "" {
		return deadCursor{failedAt: 1 << 62}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		at, id, _ := strings.Cut(string(raw), "/")
		var failedAt int64
		if failedAt, err = strconv.ParseInt(at, 10, 64); err == nil && isID(id) {
			return deadCursor{failedAt, id}, nil
		}
	}
	return deadCursor{}, fmt.Errorf("%w: this is no cursor of a list of dead letters", kv.ErrInvalidCursor)
}

// A grave is a row of kv_dlq as operations see it.
type grave struct {
	queue string
	size  int // of the value, in bytes
	// newID is that of the message that the dead letter becomes again; "" if
	// it does not.
	newID string
}

// graves is the table of dead letters by id.
var graves = &sqldb.Table[grave]{
	Name: "kv_dlq",
	Fetch: func(ids []string) sqldb.Stmt {
		return sqldb.Stmt{SQL: graveFetchSQL, Args: []any{sqldb.TextKeys(ids)}}
	},
	Scan: func(row sqldb.Row) (grave, error) {
		return grave{queue: row.Text(0), size: int(row.Integer(1))}, nil
	},
	Guard: func(reads []sqldb.Held[grave]) sqldb.Stmt {
		rows := sqldb.NewRows(graveGuardSQL)
		for _, r := range reads {
			present := 0
			if r.Row != nil {
				present = 1
			}
			rows.Add(r.Key, present)
		}
		return rows.Array()
	},
	Write: writeGraves,
}

const (
	graveFetchSQL = `SELECT j.key,d.queue,d.size FROM json_each(?) j CROSS JOIN kv_dlq d WHERE d.id=j.value`

	// A dead letter does not change, and its id never comes back.
	graveGuardSQL = sqldb.StaleSQL + `FROM json_each(?) j LEFT JOIN kv_dlq d ON d.id=j.value->>0
WHERE (d.id IS NOT NULL)<>j.value->>1 LIMIT 1`

	// A row is [id, new id].
	graveRequeueSQL = `INSERT INTO kv_queue(id,value,size,queue,priority,ready_at,max_attempts,backoff_schedule,keys_if_undelivered,created_at,updated_at,last_error)
SELECT j.value->>1,d.value,d.size,d.queue,d.priority,s.time,d.max_attempts,d.backoff_schedule,d.keys_if_undelivered,s.time,s.time,d.error_message
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN kv_dlq d WHERE d.id=j.value->>0`

	// A row is [id].
	graveDeleteSQL = `DELETE FROM kv_dlq WHERE id IN (SELECT value->>0 FROM json_each(?))`
)

func writeGraves(changes []sqldb.Change[grave]) []sqldb.Stmt {
	requeues, deletions := sqldb.NewRows(graveRequeueSQL), sqldb.NewRows(graveDeleteSQL)
	requeued := false
	for _, c := range changes {
		if c.Row != nil {
			requeues.Add(c.Key, c.Row.newID)
			requeued = true
		}
		deletions.Add(c.Key)
	}
	if !requeued {
		return deletions.Arrays()
	}
	return append(requeues.Arrays(), deletions.Arrays()...)
}

// unearth is the dead letter as the operations before this one have left it.
func unearth(tx *sqldb.Tx, id string) *grave {
	g := graves.Get(tx, id)
	if g == nil || g.newID != "" {
		return nil
	}
	return g
}

// Requeue makes a dead letter a message again, with no attempts and its options
// as they were, and returns the message's id. Dead letter and message change in
// one transaction. An unknown id is kv.ErrNotFound.
func (q *Queue) Requeue(ctx context.Context, id string) (newMessageID string, err error) {
	if !isID(id) {
		return "", errNoDeadLetter
	}
	messageID, err := newID()
	if err != nil {
		return "", err
	}
	var name string
	_, err = q.db.Do(ctx, &sqldb.Op{
		Name:  "queue_requeue",
		Reads: []sqldb.Ref{graves.Ref(id)},
		Bytes: smallBytes,
		Apply: func(tx *sqldb.Tx) error {
			g := unearth(tx, id)
			if g == nil {
				return errNoDeadLetter
			}
			name = g.queue
			graves.Put(tx, id, grave{queue: g.queue, newID: messageID})
			return tx.Weigh(g.size) // the value moves
		},
	})
	if err != nil {
		return "", failure(err)
	}
	q.metrics.count(q.metrics.enqueued, name, 1)
	q.arrived(name, 0)
	return messageID, nil
}

// DeleteDeadLetter removes a dead letter. One that is not there is fine.
func (q *Queue) DeleteDeadLetter(ctx context.Context, id string) error {
	if !isID(id) {
		return nil
	}
	_, err := q.deleteDeadLetters(ctx, []string{id})
	return err
}

const (
	// purgeBatch is how many messages or dead letters one transaction removes.
	purgeBatch = 1000
	// purgeBytes is after how many bytes of values it removes no more: to free a large
	// value, SQLite reads all of it.
	purgeBytes = 16 << 20
)

const (
	deadAllIDsSQL   = `SELECT d.id,d.failed_at,d.size FROM kv_dlq d WHERE ?1 IS NOT NULL AND d.failed_at<=?2 ORDER BY d.failed_at LIMIT 1000`
	deadQueueIDsSQL = `SELECT d.id,d.failed_at,d.size FROM kv_dlq d WHERE d.queue=?1 AND d.failed_at<=?2 ORDER BY d.failed_at LIMIT 1000`
	deadNewestSQL   = `SELECT max(failed_at) FROM kv_dlq`
)

// Purge removes the dead letters of a queue, of all queues if name is "", that
// are there when it begins, up to 1,000 in a transaction. On an error the count says
// how far it came.
func (q *Queue) Purge(ctx context.Context, name string) (deleted int, err error) {
	sql := deadAllIDsSQL
	if name != "" {
		if err := ValidateName(name); err != nil {
			return 0, err
		}
		sql = deadQueueIDsSQL
	}
	newest, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: deadNewestSQL})
	if err != nil {
		return 0, failure(err)
	}
	for {
		rows, err := q.db.Primary().Query(ctx, sqldb.Stmt{SQL: sql, Args: []any{name, newest[0].Integer(0)}})
		if err != nil || len(rows) == 0 {
			return deleted, failure(err)
		}
		batch := untilLarge(rows, 2)
		n, err := q.deleteDeadLetters(ctx, idsOf(batch))
		deleted += n
		if err != nil || len(batch) == len(rows) && len(rows) < purgeBatch {
			return deleted, err
		}
	}
}

// deleteDeadLetters removes those that are there and counts them.
func (q *Queue) deleteDeadLetters(ctx context.Context, ids []string) (int, error) {
	refs := make([]sqldb.Ref, len(ids))
	for i, id := range ids {
		refs[i] = graves.Ref(id)
	}
	deleted := 0
	_, err := q.db.Do(ctx, &sqldb.Op{
		Name:  "queue_dead_delete",
		Reads: refs,
		Bytes: smallBytes * len(ids),
		Apply: func(tx *sqldb.Tx) error {
			deleted = 0
			for _, id := range ids {
				if unearth(tx, id) != nil {
					graves.Delete(tx, id)
					deleted++
				}
			}
			return nil
		},
	})
	if err != nil {
		return 0, failure(err)
	}
	return deleted, nil
}
