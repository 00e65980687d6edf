package watch

import (
	"context"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// fetchChanges is how many values one statement asks for.
const fetchChanges = 512

// An entry is selected only as the change left it. One that has been changed
// again since has a later row in the log, and so will one that has expired, so
// neither is lost. Arguments are [key, versionstamp] pairs and the bytes that
// the answer may have: values beyond them are NULL.
const fetchSQL = `SELECT ` + sqldb.PositionSQL + `,w.i,e.value,e.expires_at FROM keyval_sequence s LEFT JOIN (
SELECT j.key i,e.key k,sum(length(e.value)) OVER (ORDER BY j.key ROWS UNBOUNDED PRECEDING)-length(e.value) sofar
FROM keyval_sequence s CROSS JOIN json_each(?1) j CROSS JOIN kv_entries e
WHERE e.key=unhex(j.value->>0) AND e.versionstamp=j.value->>1 AND (e.expires_at IS NULL OR e.expires_at>` + sqldb.NowSQL + `)
) w LEFT JOIN kv_entries e ON e.key=w.k AND w.sofar<?2`

// resolve finds what a run of changes, with its operations whole, shows: an
// entry for each change, nil for one that a later change has overtaken. It
// resolves as many operations as fit a budget of value bytes, at least one,
// and returns as many entries as it has come to. What was read on the primary is asked
// for there.
func (l *changelog) resolve(ctx context.Context, changes []change, primary bool, budget int) ([]*kv.Entry, error) {
	changes = changes[:wholeOperations(changes, fetchChanges)]
	entries := make([]*kv.Entry, len(changes))
	open, err := l.fetch(ctx, changes, entries, primary, budget)
	if err != nil || open == len(changes) {
		return entries, err
	}
	// What the answer had no room for waits, unless it is the first operation.
	first := operationEnd(changes)
	if open >= first {
		return entries[:wholeOperations(changes, open)], nil
	}
	for open < first {
		n, err := l.fetch(ctx, changes[open:first], entries[open:first], primary, sqldb.MaxAnswer)
		if err != nil {
			return nil, err
		}
		open += n
	}
	return entries[:first], nil
}

// fetch reads the entries of changes and returns how many changes it has come
// to before the budget was used up.
func (l *changelog) fetch(ctx context.Context, changes []change, entries []*kv.Entry, primary bool, budget int) (int, error) {
	changes = changes[:min(len(changes), fetchChanges)]
	wanted := sqldb.NewRows(fetchSQL)
	var at []int // of the wanted changes
	for i, c := range changes {
		if c.gone {
			entries[i] = &kv.Entry{Key: c.key}
			continue
		}
		wanted.Add([]byte(c.key), string(c.versionstamp))
		at = append(at, i)
	}
	if len(at) == 0 {
		return len(changes), nil
	}
	st := wanted.Array()
	rows, err := l.fetchRows(ctx, sqldb.Stmt{SQL: fetchSQL, Args: []any{st.Args[0], int64(budget)}}, primary, changes[len(changes)-1].versionstamp)
	if err != nil {
		return 0, err
	}
	open := len(changes)
	for _, row := range rows {
		if row[1] == nil {
			continue // there is only the position
		}
		i := at[row.Integer(1)]
		if row[2] == nil {
			open = min(open, i)
			continue
		}
		entries[i] = &kv.Entry{Key: changes[i].key, Value: row.Bytes(2), Versionstamp: changes[i].versionstamp, ExpiresAt: row.Integer(3)}
	}
	return open, nil
}

// fetchRows asks the replica, unless told that the primary is to be asked, and if it has not
// come to the position the primary.
func (l *changelog) fetchRows(ctx context.Context, st sqldb.Stmt, primary bool, position kv.Versionstamp) ([]sqldb.Row, error) {
	r, primary := l.reader(primary)
	if !primary {
		short, cancel := sqldb.Within(ctx, queryTimeout)
		defer cancel()
		rows, err := r.QueryLarge(short, st)
		if err == nil && kv.Versionstamp(rows[0].Text(0)) >= position {
			return rows, nil
		}
		if err != nil {
			l.retreat.fail()
		}
	}
	ctx, cancel := sqldb.Within(ctx, primaryTimeout)
	defer cancel()
	return l.db.Primary().QueryLarge(ctx, st)
}

// operationEnd is how many changes the first operation has.
func operationEnd(changes []change) int {
	n := 1
	for n < len(changes) && changes[n].versionstamp == changes[0].versionstamp {
		n++
	}
	return n
}

// wholeOperations is how many of the first n changes belong to operations that
// are complete among them; if there is none, the length of the first operation.
func wholeOperations(changes []change, n int) int {
	if n >= len(changes) {
		return len(changes)
	}
	for n > 0 && changes[n-1].versionstamp == changes[n].versionstamp {
		n--
	}
	return max(n, operationEnd(changes))
}
