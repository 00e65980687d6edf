package kv

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/buntime/keyval/internal/sqldb"
)

// A row of keyval_idempotency_parts has what is too long for an answer's own row:
//
//	id    1d5fbbbf0a831ec2…e63d8  of keyval_idempotency
//	n     0
//	data  …                       up to 3 MiB

// MaxKeptAnswerBytes bounds an answer that is kept for an idempotency key. It is
// written in its operation's transaction, which holds the database's write lock
// and must not do so for long: sqld ends it after 5 s.
const MaxKeptAnswerBytes = 16 << 20

const (
	// keptHeadBytes is how much of a kept answer is in its row. The row is read
	// to see whether there is an answer; the rest only to give it.
	keptHeadBytes = 64 << 10
	// keptPartBytes is how much of the rest is in a row of its own: sqld takes
	// 5 MB in one, and base64 makes more of it on the way.
	keptPartBytes = 3 << 20
	// keptRowBytes is about how long the row of a short answer is.
	keptRowBytes = 384
)

const (
	partWriteSQL = `INSERT OR REPLACE INTO keyval_idempotency_parts(id,n,data) VALUES (?1,?2,?3)`

	partReadSQL = `SELECT p.data FROM keyval_idempotency i CROSS JOIN keyval_idempotency_parts p
WHERE i.id=?1 AND i.versionstamp=?2 AND p.id=i.id AND p.n=?3`
)

func errAnswerNotKept() error {
	return fmt.Errorf("%w: the answer has more than %d MiB, which is not kept for an Idempotency-Key; read less, or leave the key out", ErrTooLarge, MaxKeptAnswerBytes>>20)
}

// pieces cuts a staged answer into what its row has and the parts that follow. The
// placeholder stands in the first alone, where the database looks for it.
func (r *keptAnswer) pieces() (head []byte, parts [][]byte) {
	end := min(keptHeadBytes, len(r.answer))
	if at := bytes.LastIndex(r.answer, []byte(r.placeholder)); at >= 0 {
		end = max(end, at+len(r.placeholder))
	}
	for end < len(r.answer) && !utf8.RuneStart(r.answer[end]) {
		end-- // the row travels as text, which takes no half character
	}
	return r.answer[:end:end], slices.Collect(slices.Chunk(r.answer[end:], keptPartBytes))
}

func writeAnswers(changes []sqldb.Change[keptAnswer]) []sqldb.Stmt {
	rows := sqldb.NewRows(idempotencyWriteSQL)
	var stmts []sqldb.Stmt
	for _, c := range changes {
		var answer any
		head, parts := c.Row.pieces()
		if c.Row.answer != nil {
			answer = sqldb.Text(head)
		}
		rows.Add(c.Key, c.Row.request, answer, c.Row.deleted, c.Op, string(c.Row.placeholder), len(parts))
		for n, part := range parts {
			stmts = append(stmts, sqldb.Stmt{SQL: partWriteSQL, Args: []any{c.Key, int64(n), part}})
		}
	}
	return append(rows.Stmts(), stmts...)
}

// wholeAnswer is the kept answer with its parts, which the group has not read.
func (s *Store) wholeAnswer(ctx context.Context, id string, r *keptAnswer) ([]byte, error) {
	answer := slices.Clip(r.answer)
	for n := range r.parts {
		rows, err := s.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: partReadSQL, Args: []any{id, string(r.versionstamp), n}})
		if err != nil {
			return nil, Failure(err)
		}
		if len(rows) == 0 {
			return nil, fmt.Errorf("%w: the kept answer has just come to the end of its time", sqldb.ErrUnavailable)
		}
		answer = append(answer, rows[0].Bytes(0)...)
	}
	return answer, nil
}
