package queue

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A fallback is what a message that dies leaves in the store: its value, under each of
// its fallback keys. Neither ever changes.
type fallback struct {
	value []byte
	keys  []kv.Key
}

// errNeedsFallback ends an operation on a message that dies and whose fallback has not
// been read. A group must not read it by itself: those of many would pass all bounds.
var errNeedsFallback = errors.New("the value for the fallback keys has not been read")

// scanFallback reads value and keys from two columns; it is nil if the first is NULL.
func scanFallback(row sqldb.Row, column int) (*fallback, error) {
	value := row.Bytes(column)
	if value == nil {
		return nil, nil
	}
	keys, err := decodeKeys(row.Text(column + 1))
	return &fallback{value, keys}, err
}

const fallbackSQL = `SELECT value,keys_if_undelivered FROM kv_queue WHERE id=?`

// fallback reads a message's; nil if it is gone.
func (q *Queue) fallback(ctx context.Context, id string) (*fallback, error) {
	rows, err := q.db.Primary().QueryLarge(ctx, sqldb.Stmt{SQL: fallbackSQL, Args: []any{id}})
	if err != nil || len(rows) == 0 {
		return nil, failure(err)
	}
	return scanFallback(rows[0], 0)
}

// stage writes the value under the keys.
func (f *fallback) stage(tx *sqldb.Tx) {
	for _, key := range f.keys {
		kv.StageSet(tx, key, f.value)
	}
}

// size is about how many bytes it holds.
func (f *fallback) size() int {
	if f == nil {
		return 0
	}
	n := len(f.value)
	for _, key := range f.keys {
		n += 2 * len(key)
	}
	return n
}

// again is about how many bytes are written besides: the value under every key but one, and
// in the dead letter.
func (f *fallback) again() int {
	if f == nil {
		return 0
	}
	return len(f.value) * len(f.keys)
}

func decodeKeys(stored string) ([]kv.Key, error) {
	if stored == "" {
		return nil, nil
	}
	var encoded []string
	if err := json.Unmarshal([]byte(stored), &encoded); err != nil {
		return nil, err
	}
	keys := make([]kv.Key, len(encoded))
	for i, e := range encoded {
		raw, err := hex.DecodeString(e)
		if err != nil {
			return nil, err
		}
		keys[i] = kv.Key(raw)
	}
	return keys, nil
}
