package kv

import "github.com/buntime/keyval/internal/sqldb"

// A keyChange is what has happened to a key since a snapshot.
type keyChange struct {
	newer, tooOld bool // as of changes
	versionstamp  Versionstamp
	lapsed        bool
}

// keyChanges are no rows of the database: there is one for each key that has changed
// since a snapshot, by sinceName. So groups find out about snapshots as they do about
// checks, for all operations at once.
var keyChanges = &sqldb.Table[keyChange]{
	Name: "changes",
	Fetch: func(names []string) sqldb.Stmt {
		rows := sqldb.NewRows(keyChangesSQL)
		for _, name := range names {
			addSince(rows, name)
		}
		return rows.Array()
	},
	Scan: func(row sqldb.Row) (keyChange, error) {
		return keyChange{row.Integer(0) == 1, row.Integer(1) == 1, Versionstamp(row.Text(2)), row.Integer(3) == 1}, nil
	},
	Guard: func(reads []sqldb.Held[keyChange]) sqldb.Stmt {
		rows := sqldb.NewRows(keyChangesGuardSQL)
		for _, r := range reads {
			if r.Row == nil { // what has changed is a conflict, which changes nothing
				addSince(rows, r.Key)
			}
		}
		return rows.Array()
	},
	Write: func([]sqldb.Change[keyChange]) []sqldb.Stmt { return nil },
}

// sinceName names what has happened to a key since a snapshot.
func sinceName(snapshot Versionstamp, key Key) string { return string(snapshot) + string(key) }

func addSince(rows *sqldb.Rows, name string) {
	rows.Add(name[:versionstampDigits], []byte(name[versionstampDigits:]))
}

// A row of the argument is [snapshot, key].
var (
	keyChangesSQL = `SELECT j.key,j.value->>0` + sqldb.AfterAllSQL + `,j.value->>0<s.compacted,
coalesce(iif(` + AliveSQL + `,e.versionstamp,''),''),coalesce(e.versionstamp<=j.value->>0,0)` + keyChangedSQL

	keyChangesGuardSQL = sqldb.StaleSQL + sqldb.WithinTransaction(keyChangedSQL) + ` LIMIT 1`

	keyChangedSQL = ` FROM keyval_sequence s CROSS JOIN json_each(?) j LEFT JOIN kv_entries e ON e.key=unhex(j.value->>1)
WHERE j.value->>0` + sqldb.AfterAllSQL + ` OR j.value->>0<s.compacted OR e.versionstamp>j.value->>0
OR e.expires_at<=` + sqldb.NowSQL + ` AND e.expires_at>` + sqldb.TimeSinceSQL("(j.value->>0)") + `
OR EXISTS (SELECT 1 FROM keyval_changelog c WHERE c.op<>'s' AND c.key=unhex(j.value->>1) AND c.versionstamp>j.value->>0)`
)

// join adds the change of a key to those of others.
func (k *keyChange) join(c *changes, key Key) {
	c.newer, c.tooOld = c.newer || k.newer, c.tooOld || k.tooOld
	c.lapsed = c.lapsed || k.lapsed
	c.found = append(c.found, Check{Key: key, Versionstamp: k.versionstamp})
}
