package kv

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
)

// keptAnswer is a row of keyval_idempotency:
//
//	id            1d5fbbbf0a831ec2…e63d8              digest of caller and key
//	request       3de75aa0bf2511b1…9cd                digest of what must be the same
//	answer        {"ok":true,"versionstamp":"0000…"}  or its beginning
//	deleted       0                                   entries, of a bulk delete
//	versionstamp  00000000000000030000                of the operation
//	created_at    1795707764287
//	parts         0                                   more of the answer: kept_answer.go
type keptAnswer struct {
	request string
	answer  []byte // nil while a bulk delete is under way; as read, without parts
	parts   int64  // how many there are more of it, as read
	deleted int64
	// versionstamp is "" while the operation, number op, has not committed;
	// then placeholder stands in answer where it belongs.
	versionstamp Versionstamp
	op           int
	placeholder  Versionstamp
}

var keptAnswers = &sqldb.Table[keptAnswer]{
	Name: "keyval_idempotency",
	Fetch: func(keys []string) sqldb.Stmt {
		return sqldb.Stmt{SQL: idempotencyFetchSQL, Args: []any{sqldb.TextKeys(keys)}}
	},
	Scan: func(row sqldb.Row) (keptAnswer, error) {
		return keptAnswer{
			request: row.Text(0), answer: row.Bytes(1), deleted: row.Integer(2), versionstamp: Versionstamp(row.Text(3)), parts: row.Integer(4)}, nil
	},
	Guard: func(reads []sqldb.Held[keptAnswer]) sqldb.Stmt {
		return sqldb.GuardVersionstamps(idempotencyGuardSQL, reads, func(r *keptAnswer) Versionstamp { return r.versionstamp })
	},
	Write: writeAnswers,
}

// A row past its time counts as missing, even before the leader has removed
// it.
var (
	idempotencyFetchSQL = `SELECT j.key,i.request,i.answer,i.deleted,i.versionstamp,i.parts
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN keyval_idempotency i
WHERE i.id=j.value AND ` + keptSQL(sqldb.NowSQL)

	idempotencyGuardSQL = sqldb.StaleSQL + `FROM keyval_sequence s CROSS JOIN json_each(?) j
LEFT JOIN keyval_idempotency i ON i.id=j.value->>0 AND ` + keptSQL("s.time") + `
WHERE coalesce(i.versionstamp,'')<>j.value->>1 LIMIT 1`
)

// keptSQL holds for an answer i that counts at a time.
func keptSQL(now string) string { return `i.created_at>` + sqldb.AgoSQL(answerAge, now) }

// A row is [id, request, answer, deleted, op, placeholder, parts].
var idempotencyWriteSQL = `INSERT OR REPLACE INTO keyval_idempotency(id,request,answer,deleted,versionstamp,created_at,parts)
SELECT j.value->>0,j.value->>1,replace(coalesce(CAST(?2 AS TEXT),j.value->>2),j.value->>5,` + sqldb.StampSQL("j.value->>4") + `),
j.value->>3,` + sqldb.StampSQL("j.value->>4") + `,s.time,j.value->>6
FROM keyval_sequence s,json_each(?1) j`

// id names the operation: a digest, because callers and keys may be secret.
func (i *Idempotency) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(i.Caller), i.Caller, i.Key))
	return hex.EncodeToString(sum[:])
}

func (i *Idempotency) ref() sqldb.Ref { return keptAnswers.Ref(i.id()) }

// find returns the kept answer; nil for an operation that is to be carried
// out.
func (i *Idempotency) find(tx *sqldb.Tx) (*keptAnswer, error) {
	if i == nil {
		return nil, nil
	}
	row := keptAnswers.Get(tx, i.id())
	if row != nil && row.request != i.Request {
		return nil, fmt.Errorf("%w: the Idempotency-Key has been used for another request within %.0f hours; choose a new one", ErrInvalidArgument, answerAge.Hours())
	}
	return row, nil
}

// errNoAnswer is a mistake of who calls: a repetition would look like the first time.
var errNoAnswer = errors.New("kv: Idempotency.Answer has rendered nothing to keep")

// keep stages the operation's answer and returns its row, nil for none. One that is too large to be kept fails the
// operation: repeated, it could not be answered as it was.
func (i *Idempotency) keep(tx *sqldb.Tx, result AtomicResult) (*keptAnswer, error) {
	if i == nil {
		return nil, nil
	}
	placeholder := randomVersionstamp()
	result.OK, result.Versionstamp = true, placeholder
	answer := i.Answer(placeholder, result)
	switch {
	case len(answer) == 0:
		return nil, errNoAnswer
	case len(answer) > MaxKeptAnswerBytes:
		return nil, errAnswerNotKept()
	}
	row := keptAnswer{request: i.Request, answer: answer, op: tx.Op(), placeholder: placeholder}
	keptAnswers.Put(tx, i.id(), row)
	return &row, nil
}

// answered is the kept answer, whole, with its versionstamp. commit is that of the
// group, for a row that the group itself has written.
func (r *keptAnswer) answered(whole []byte, commit sqldb.Commit) (Versionstamp, []byte) {
	if r.versionstamp != "" {
		return r.versionstamp, whole
	}
	versionstamp := Versionstamp(commit.At(r.op))
	return versionstamp, replaceVersionstamp(whole, r.placeholder, versionstamp)
}

// randomVersionstamp looks like a versionstamp, but nobody can have guessed
// it: it stands for one that is not known yet.
func randomVersionstamp() Versionstamp {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return Versionstamp(hex.EncodeToString(b[:]))
}
