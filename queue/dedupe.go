package queue

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// DedupeAge is how long a dedupe id counts.
const DedupeAge = 24 * time.Hour

// A dedupe row remembers the message that came with a dedupe id. The row, in
// keyval_dedupe:
//
//	name          default/order-1                       queue and dedupe id
//	id            01a20729-5d3e-7c41-9f0a-6b1de0c52a77  the message's
//	versionstamp  0000000000000a3e0000                  of its enqueue
//	created_at    1795703735498
type dedupe struct {
	id string
	// versionstamp is "" while the enqueuing operation, number op, has not
	// committed.
	versionstamp kv.Versionstamp
	op           int
}

// dedupes is the table of dedupe rows by queue and dedupe id. A row past its
// time counts as missing, even before the leader has removed it.
var dedupes = &sqldb.Table[dedupe]{
	Name: "keyval_dedupe",
	Fetch: func(keys []string) sqldb.Stmt {
		return sqldb.Stmt{SQL: dedupeFetchSQL, Args: []any{sqldb.TextKeys(keys)}}
	},
	Scan: func(row sqldb.Row) (dedupe, error) {
		return dedupe{id: row.Text(0), versionstamp: kv.Versionstamp(row.Text(1))}, nil
	},
	Guard: func(reads []sqldb.Held[dedupe]) sqldb.Stmt {
		return sqldb.GuardVersionstamps(dedupeGuardSQL, reads, func(r *dedupe) kv.Versionstamp { return r.versionstamp })
	},
	Write: func(changes []sqldb.Change[dedupe]) []sqldb.Stmt {
		rows := sqldb.NewRows(dedupeWriteSQL)
		for _, c := range changes {
			rows.Add(c.Key, c.Row.id, c.Op)
		}
		return rows.Arrays()
	},
}

// dedupeCounts holds for a row that is not past its time.
func dedupeCounts(now string) string { return `d.created_at>` + sqldb.AgoSQL(DedupeAge, now) }

var (
	dedupeFetchSQL = `SELECT j.key,d.id,d.versionstamp
FROM keyval_sequence s CROSS JOIN json_each(?) j CROSS JOIN keyval_dedupe d
WHERE d.name=j.value AND ` + dedupeCounts(sqldb.NowSQL)

	dedupeGuardSQL = sqldb.StaleSQL + `FROM keyval_sequence s CROSS JOIN json_each(?) j
LEFT JOIN keyval_dedupe d ON d.name=j.value->>0 AND ` + dedupeCounts("s.time") + `
WHERE coalesce(d.versionstamp,'')<>j.value->>1 LIMIT 1`

	// A row is [name, id, op].
	dedupeWriteSQL = `INSERT OR REPLACE INTO keyval_dedupe(name,id,versionstamp,created_at)
SELECT j.value->>0,j.value->>1,` + sqldb.StampSQL("j.value->>2") + `,s.time FROM keyval_sequence s CROSS JOIN json_each(?) j`
)

// dedupeName is the row's key. A queue's name has no slash.
func (e *Enqueue) dedupeName() string { return e.Queue + "/" + e.DedupeID }

// enqueued answers as the first enqueue did.
func (d *dedupe) enqueued(tx *sqldb.Tx) (Enqueued, error) {
	if d.versionstamp == "" && d.op != tx.Op() {
		// Its versionstamp is not known before its group has committed.
		return Enqueued{}, sqldb.ErrNextGroup
	}
	return Enqueued{ID: d.id, Versionstamp: d.versionstamp, Duplicate: true}, nil
}

var forgetDedupeIDs = sqldb.Forgetting("queue_forget_dedupe_ids", "keyval_dedupe", "name", "created_at", DedupeAge)

// ForgetDedupeIDs is leader's work: it removes dedupe ids past their time. Of the epoch
// the same holds as for ReclaimLocks.
func (q *Queue) ForgetDedupeIDs(ctx context.Context, epoch int64) error {
	_, err := q.db.CleanUp(ctx, epoch, forgetDedupeIDs)
	return failure(err)
}
