package kv

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
)

// IdempotencyAge is how long an answer is kept, in milliseconds of the
// database's clock.
const IdempotencyAge = 24 * 60 * 60 * 1000

// idempotencyRow is a kept answer.
type idempotencyRow struct {
	request string
	answer  []byte // nil while a bulk delete is under way
	deleted int64
	// versionstamp is "" while the operation, number op, has not committed;
	// then placeholder stands in answer where it belongs.
	versionstamp Versionstamp
	op           int
	placeholder  Versionstamp
}

var idempotencyTable = &sqldb.Table[idempotencyRow]{
	Name: "keyval_idempotency",
	Fetch: func(keys []string) sqldb.Stmt {
		return sqldb.Stmt{SQL: idempotencyFetchSQL, Args: []any{sqldb.TextKeys(keys)}}
	},
	Scan: func(row sqldb.Row) (idempotencyRow, error) {
		return idempotencyRow{
			request: row.Text(0), answer: row.Bytes(1), deleted: row.Integer(2), versionstamp: Versionstamp(row.Text(3))}, nil
	},
	Guard: func(reads []sqldb.Held[idempotencyRow]) sqldb.Stmt {
		return sqldb.GuardVersionstamps(idempotencyGuardSQL, reads, func(r *idempotencyRow) Versionstamp { return r.versionstamp })
	},
	Write: func(changes []sqldb.Change[idempotencyRow]) []sqldb.Stmt {
		rows := sqldb.NewRows(idempotencyWriteSQL)
		for _, c := range changes {
			var answer any
			if c.Row.answer != nil {
				answer = sqldb.Text(c.Row.answer)
			}
			rows.Add(c.Key, c.Row.request, answer, c.Row.deleted, c.Op, string(c.Row.placeholder))
		}
		return rows.Stmts()
	},
}

// A row past its time counts as missing, even before the leader has removed
// it.
const (
	idempotencyFetchSQL = `SELECT j.key,i.request,i.answer,i.deleted,i.versionstamp
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN keyval_idempotency i
WHERE i.id=j.value AND i.created_at>` + sqldb.NowSQL + `-86400000`

	idempotencyGuardSQL = sqldb.StaleSQL + `FROM keyval_sequence s CROSS JOIN json_each(?) j
LEFT JOIN keyval_idempotency i ON i.id=j.value->>0 AND i.created_at>s.time-86400000
WHERE coalesce(i.versionstamp,'')<>j.value->>1 LIMIT 1`
)

// A row is [id, request, answer, deleted, op, placeholder].
var idempotencyWriteSQL = `INSERT OR REPLACE INTO keyval_idempotency(id,request,answer,deleted,versionstamp,created_at)
SELECT j.value->>0,j.value->>1,replace(coalesce(CAST(?2 AS TEXT),j.value->>2),j.value->>5,` + sqldb.StampSQL("j.value->>4") + `),
j.value->>3,` + sqldb.StampSQL("j.value->>4") + `,s.time
FROM keyval_sequence s,json_each(?1) j`

// id names the operation: a digest, because callers and keys may be secret.
func (i *Idempotency) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(i.Caller), i.Caller, i.Key))
	return hex.EncodeToString(sum[:])
}

func (i *Idempotency) ref() sqldb.Ref { return idempotencyTable.Ref(i.id()) }

// find returns the kept answer; nil for an operation that is to be carried
// out.
func (i *Idempotency) find(tx *sqldb.Tx) (*idempotencyRow, error) {
	if i == nil {
		return nil, nil
	}
	row := idempotencyTable.Get(tx, i.id())
	if row != nil && row.request != i.Request {
		return nil, fmt.Errorf("%w: the Idempotency-Key has been used for another request within 24 hours; choose a new one", ErrInvalidArgument)
	}
	return row, nil
}

// keep stages the operation's answer.
func (i *Idempotency) keep(tx *sqldb.Tx, result AtomicResult) {
	if i == nil {
		return
	}
	placeholder := randomVersionstamp()
	result.OK, result.Versionstamp = true, placeholder
	idempotencyTable.Put(tx, i.id(), idempotencyRow{
		request: i.Request, answer: i.Answer(placeholder, result), op: tx.Op(), placeholder: placeholder})
}

// answered is the kept answer with its versionstamp. commit is that of the
// group, for a row that the group itself has written.
func (r *idempotencyRow) answered(commit sqldb.Commit) (Versionstamp, []byte) {
	if r.versionstamp != "" {
		return r.versionstamp, r.answer
	}
	versionstamp := Versionstamp(commit.At(r.op))
	return versionstamp, replaceVersionstamp(r.answer, r.placeholder, versionstamp)
}

// randomVersionstamp looks like a versionstamp, but nobody can have guessed
// it: it stands for one that is not known yet.
func randomVersionstamp() Versionstamp {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return Versionstamp(hex.EncodeToString(b[:]))
}
