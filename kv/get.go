package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
)

// MaxAnswerBytes bounds the values of one answer.
const MaxAnswerBytes = 64 << 20

// Get reads the entries of keys from one snapshot, in order, and returns the
// snapshot's position. A missing one has only its key.
func (s *Store) Get(ctx context.Context, keys []Key, opts ReadOptions) ([]Entry, Versionstamp, error) {
	once, places := distinct(keys)
	rows, position, err := s.merged.Get(ctx, opts.Freshness(), encodedKeys(once))
	if errors.Is(err, sqldb.ErrTooLarge) {
		return s.getLarge(ctx, keys)
	}
	if err != nil {
		return nil, "", Failure(err)
	}
	found := make([]Entry, len(once))
	for i := range rows {
		found[i] = rows[i].entry(once[i])
	}
	return dealt(found, places), Versionstamp(position), nil
}

// distinct are keys without repetitions, each of which is read once, and where among them
// each of keys is; nil if there is none.
func distinct(keys []Key) (once []Key, places []int) {
	if len(keys) < 2 {
		return keys, nil
	}
	at := make(map[Key]int, len(keys))
	places = make([]int, len(keys))
	for i, key := range keys {
		place, ok := at[key]
		if !ok {
			place = len(once)
			at[key], once = place, append(once, key)
		}
		places[i] = place
	}
	return once, places
}

// dealt are what was found once, for each mention.
func dealt[T any](found []T, places []int) []T {
	if places == nil {
		return found
	}
	all := make([]T, len(places))
	for i, place := range places {
		all[i] = found[place]
	}
	return all
}

// getLarge reads entries that do not fit one answer of the database, in
// several statements of one snapshot on the primary.
func (s *Store) getLarge(ctx context.Context, keys []Key) ([]Entry, Versionstamp, error) {
	found := make([]Entry, 0, len(keys))
	var position Versionstamp
	err := s.db.Snapshot(ctx, func(q sqldb.Querier) error {
		var err error
		var now int64
		if position, now, err = snapshotPosition(ctx, q); err != nil {
			return err
		}
		found, err = getIn(ctx, q, keys, now, newBudget())
		return err
	})
	if err != nil {
		return nil, "", Failure(err)
	}
	s.db.Answered(sqldb.Position(position))
	return found, position, nil
}

// getIn reads keys within a transaction, as they are at a time: first how large the
// values are, then as many at once as fit an answer.
func getIn(ctx context.Context, q sqldb.Querier, keys []Key, now int64, b *budget) ([]Entry, error) {
	keys, places := distinct(keys)
	sizes, err := sizesIn(ctx, q, keys)
	if err != nil {
		return nil, err
	}
	if !b.take(dealt(sizes, places)) {
		return nil, b.over
	}
	found := make([]Entry, 0, len(keys))
	for len(keys) > 0 {
		n := fitting(sizes)
		results, err := q.Query(ctx, sqldb.Stmt{SQL: getSQL, Args: []any{sqldb.HexKeys(encodedKeys(keys[:n])), now}})
		if err != nil {
			return nil, err
		}
		read := make([]Entry, n)
		for _, row := range results[0] {
			i := row.Integer(0)
			scanned, err := scanEntry(row[1:])
			if err != nil {
				return nil, err
			}
			read[i] = scanned.entry(keys[i])
		}
		found, keys, sizes = append(found, read...), keys[n:], sizes[n:]
	}
	return dealt(found, places), nil
}

func encodedKeys(keys []Key) []string {
	encoded := make([]string, len(keys))
	for i, k := range keys {
		encoded[i] = string(k)
	}
	return encoded
}

const sizesSQL = `SELECT j.key,length(e.key)+length(e.value) FROM json_each(?) j LEFT JOIN kv_entries e ON e.key=unhex(j.value)`

// sizesIn tells how many bytes the entries of keys have, 0 for a missing one.
func sizesIn(ctx context.Context, q sqldb.Querier, keys []Key) ([]int64, error) {
	results, err := q.Query(ctx, sqldb.Stmt{SQL: sizesSQL, Args: []any{sqldb.HexKeys(encodedKeys(keys))}})
	if err != nil {
		return nil, err
	}
	sizes := make([]int64, len(keys))
	for _, row := range results[0] {
		sizes[row.Integer(0)] = row.Integer(1)
	}
	return sizes, nil
}

// fitting tells how many of the first entries fit one piece; at least one.
func fitting(sizes []int64) int {
	total, n := int64(0), 0
	for n < len(sizes) && (n == 0 || total+sizes[n] <= sqldb.MaxPiece) {
		total += sizes[n]
		n++
	}
	return n
}

const positionSQL = `SELECT ` + sqldb.PositionSQL + `,` + sqldb.NowSQL + ` FROM keyval_sequence s`

// snapshotPosition is the position of a transaction's snapshot, and the time that
// everything is read by in it, in Unix milliseconds.
func snapshotPosition(ctx context.Context, q sqldb.Querier) (Versionstamp, int64, error) {
	results, err := q.Query(ctx, sqldb.Stmt{SQL: positionSQL})
	if err != nil {
		return "", 0, err
	}
	position, now := scanPosition(results[0])
	return position, now, nil
}

func scanPosition(rows []sqldb.Row) (position Versionstamp, now int64) {
	return Versionstamp(rows[0].Text(0)), rows[0].Integer(1)
}

// A budget bounds the bytes of one answer.
type budget struct {
	most, used int64
	over       error // what to say when they are used up
}

func newBudget() *budget {
	return &budget{most: MaxAnswerBytes, over: fmt.Errorf("%w: the entries pass %d MiB together; ask for fewer keys, or list them with paginate", ErrTooLarge, MaxAnswerBytes>>20)}
}

// take tells whether there was room for entries of these sizes.
func (b *budget) take(sizes []int64) bool {
	for _, n := range sizes {
		b.used += n
	}
	return b.used <= b.most
}
