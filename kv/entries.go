package kv

import (
	"context"
	"slices"
	"strconv"

	"github.com/buntime/keyval/internal/sqldb"
)

// entryRow is a row of kv_entries: as it was read, or as an operation of a
// group that has not committed yet has left it. The row of ["users",42]:
//
//	key           02 "users" 00 21 c045000000000000  as Deno KV encodes it
//	value         {"name":"Ada"}                     as a blob
//	versionstamp  00000000000000030000
//	expires_at    1795711364287                      NULL: never
//	encoding      0                                  JSON
//
// Whoever writes an entry writes a row of the change log, keyval_changelog, too:
//
//	versionstamp  00000000000000030000
//	key           02 "users" 00 21 c045000000000000
//	op            s                                  set; d: deleted, x: expired
type entryRow struct {
	value []byte
	// versionstamp is "" while the writing operation, number op, has not
	// committed.
	versionstamp Versionstamp
	op           int
	expiresAt    int64 // as read, in Unix milliseconds; 0: never
	expireIn     int64 // as staged, in milliseconds from the commit; 0: never
	expireAt     int64 // as staged, in place of expireIn, in Unix milliseconds; 0: none
	// times is where the transaction's time belongs in value; nil for nowhere.
	times *Times
	// timedBy is the operation that has set those times.
	timedBy int
	// suffixed marks a row whose key is prefix, which may have no parts, and
	// the versionstamp that the commit appends.
	suffixed bool
	prefix   Key
}

// entries is the table of entries by encoded key.
var entries = &sqldb.Table[entryRow]{
	Name:  "kv_entries",
	Fetch: func(keys []string) sqldb.Stmt { return sqldb.Stmt{SQL: fetchSQL, Args: []any{sqldb.HexKeys(keys)}} },
	FetchPart: func(keys []string, whole, small int) sqldb.Stmt {
		return sqldb.Stmt{SQL: fetchPartSQL, Args: []any{sqldb.HexKeys(keys), whole, small, sqldb.SmallBytes}}
	},
	Scan:  scanEntry,
	Guard: guardEntries,
	Write: writeEntries,
}

const (
	// AliveSQL holds for an entry e that a read may show.
	AliveSQL = `(e.expires_at IS NULL OR e.expires_at>` + sqldb.NowSQL + `)`
	// aliveThenSQL holds for one that exists at the transaction's time.
	aliveThenSQL = `(e.expires_at IS NULL OR e.expires_at>s.time)`

	fetchSQL     = `SELECT j.key,e.value` + fetchTailSQL
	fetchPartSQL = `SELECT j.key,iif(j.key<?2 OR j.key<?3 AND length(e.value)<=?4,e.value,NULL)` + fetchTailSQL
	fetchTailSQL = `,e.versionstamp,e.expires_at
FROM keyval_sequence s CROSS JOIN json_each(?1) j CROSS JOIN kv_entries e
WHERE e.key=unhex(j.value) AND ` + AliveSQL

	guardSQL = sqldb.StaleSQL + `FROM keyval_sequence s CROSS JOIN json_each(?) j
LEFT JOIN kv_entries e ON e.key=unhex(j.value->>0) AND ` + aliveThenSQL + `
WHERE coalesce(e.versionstamp,'')<>j.value->>1 LIMIT 1`
)

// A row is [key, value, op, expireIn, pieces, suffix, expireAt]: value is text, pieces
// are those of timesSQL instead of it, suffix is 1 where the key ends in the commit's
// versionstamp.
var (
	upsertSQL = upsertOf(`coalesce(?2,j.value->>1)`, `s.time+(j.value->>3)`)
	// upsertUntilSQL is for entries with expireAt, and upsertTimedSQL for values with
	// times. They have texts of their own, because the driver reads the whole text of a
	// statement with each call.
	upsertUntilSQL = upsertOf(`coalesce(?2,j.value->>1)`, `j.value->>6`)
	upsertTimedSQL = upsertOf(timesSQL, `coalesce(j.value->>6,s.time+(j.value->>3))`)

	suffixSQL = `CASE WHEN j.value->>5 THEN '02'||hex(` + sqldb.StampSQL("j.value->>2") + `)||'00' ELSE '' END`

	// A row is [key].
	removeSQL = `DELETE FROM kv_entries WHERE key IN (SELECT unhex(value->>0) FROM json_each(?1)) AND ?2 IS NULL`

	// A row is [key, op, what, null, null, suffix], numbered as above.
	logSQL = `INSERT OR REPLACE INTO keyval_changelog(versionstamp,key,op)
SELECT ` + sqldb.StampSQL("j.value->>2") + `,unhex(j.value->>0||` + suffixSQL + `),j.value->>1
FROM keyval_sequence s,json_each(?1) j WHERE ?2 IS NULL`
)

func upsertOf(valueSQL, expirySQL string) string {
	return `INSERT INTO kv_entries(key,value,versionstamp,expires_at,encoding)
SELECT unhex(j.value->>0||` + suffixSQL + `),CAST(` + valueSQL + ` AS BLOB),
` + sqldb.StampSQL("j.value->>2") + `,` + expirySQL + `,0
FROM keyval_sequence s,json_each(?1) j WHERE true
ON CONFLICT(key) DO UPDATE SET value=excluded.value,versionstamp=excluded.versionstamp,
expires_at=excluded.expires_at,encoding=excluded.encoding`
}

func scanEntry(row sqldb.Row) (entryRow, error) {
	return entryRow{
		value:        row.Bytes(0),
		versionstamp: Versionstamp(row.Text(1)),
		expiresAt:    row.Integer(2),
	}, nil
}

func guardEntries(reads []sqldb.Held[entryRow]) sqldb.Stmt {
	rows := sqldb.NewRows(guardSQL)
	for _, r := range reads {
		versionstamp := ""
		if r.Row != nil {
			versionstamp = string(r.Row.versionstamp)
		}
		rows.Add([]byte(r.Key), versionstamp)
	}
	return rows.Array()
}

func writeEntries(changes []sqldb.Change[entryRow]) []sqldb.Stmt {
	upserts, until, timed := sqldb.NewRows(upsertSQL), sqldb.NewRows(upsertUntilSQL), sqldb.NewRows(upsertTimedSQL)
	removals, log := sqldb.NewRows(removeSQL), sqldb.NewRows(logSQL)
	for _, c := range changes {
		if c.Row == nil {
			removals.Add([]byte(c.Key))
			log.Add([]byte(c.Key), "d", c.Op)
			continue
		}
		key, suffix := []byte(c.Key), any(nil)
		if c.Row.suffixed {
			key, suffix = []byte(c.Row.prefix), 1
		}
		switch {
		case c.Row.times == nil && c.Row.expireAt == 0:
			upserts.Add(key, sqldb.Text(c.Row.value), c.Op, null(c.Row.expireIn), nil, suffix)
		case c.Row.times == nil:
			until.Add(key, sqldb.Text(c.Row.value), c.Op, nil, nil, suffix, c.Row.expireAt)
		default:
			text, pieces := c.Row.times.cells(c.Row.value)
			timed.Add(key, text, c.Op, null(c.Row.expireIn), pieces, suffix, null(c.Row.expireAt))
		}
		log.Add(key, "s", c.Op, nil, nil, suffix)
	}
	return slices.Concat(removals.Stmts(), upserts.Stmts(), until.Stmts(), timed.Stmts(), log.Stmts())
}

// StageSet stages an entry with an ordinary key, as part of an operation of
// another package. value is as ParseValue returned it.
func StageSet(tx *sqldb.Tx, key Key, value []byte) {
	entries.Put(tx, string(key), entryRow{value: value, op: tx.Op()})
}

// stageSet stages what a Set mutation writes.
func stageSet(tx *sqldb.Tx, m *Mutation) {
	row := entryRow{value: m.Value, op: tx.Op(), expireIn: m.ExpireIn, expireAt: m.ExpireAt, times: m.Times, timedBy: tx.Op()}
	name := string(m.Key)
	if m.Suffix {
		// No key is that long, so this names nothing else.
		row.suffixed, row.prefix = true, m.Key
		name += string(aboveAll) + strconv.Itoa(tx.Op())
	}
	entries.Put(tx, name, row)
}

// seen is the row that the running operation sees, nil for none. Whether one that an
// operation before it in the group has let expire at a time is still there, the group's
// time tells, which is not known yet.
func seen(tx *sqldb.Tx, key Key) (*entryRow, error) {
	row := entries.Get(tx, string(key))
	if row.mayHaveExpired() && row.op != tx.Op() {
		return nil, sqldb.ErrNextGroup
	}
	return row, nil
}

func (r *entryRow) mayHaveExpired() bool { return r != nil && r.expireAt != 0 }

// entry is the row as clients see it. A row that an operation of the same
// group has written has no versionstamp yet.
func (r *entryRow) entry(key Key) Entry {
	if r == nil {
		return Entry{Key: key}
	}
	return Entry{Key: key, Value: r.value, Versionstamp: r.versionstamp, ExpiresAt: r.expiresAt}
}

// aliveAtSQL holds for an entry e that exists at the time of an argument, now if that is
// NULL.
func aliveAtSQL(argument string) string {
	return `(e.expires_at IS NULL OR e.expires_at>coalesce(` + argument + `,` + sqldb.NowSQL + `))`
}

// ?2 is the time to go by, NULL for now.
var getSQL = `SELECT j.key,e.value,e.versionstamp,e.expires_at,` + sqldb.PositionSQL + `
FROM keyval_sequence s CROSS JOIN json_each(?1) j
LEFT JOIN kv_entries e ON e.key=unhex(j.value) AND ` + aliveAtSQL("?2")

// fetchEntries reads the rows of keys, in order; a missing one is the zero
// row.
func fetchEntries(ctx context.Context, r sqldb.Reader, keys []string) ([]entryRow, sqldb.Position, error) {
	if len(keys) == 0 {
		rows, err := r.Query(ctx, sqldb.Stmt{SQL: positionSQL})
		if err != nil {
			return nil, "", err
		}
		return nil, sqldb.Position(rows[0].Text(0)), nil
	}
	rows, err := r.Query(ctx, sqldb.Stmt{SQL: getSQL, Args: []any{sqldb.HexKeys(keys), nil}})
	if err != nil {
		return nil, "", err
	}
	found := make([]entryRow, len(keys))
	for _, row := range rows {
		if found[row.Integer(0)], err = scanEntry(row[1:]); err != nil {
			return nil, "", err
		}
	}
	return found, sqldb.Position(rows[0].Text(4)), nil
}

// null is v as a cell, NULL where it is zero.
func null[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}
