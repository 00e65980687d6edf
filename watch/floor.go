package watch

import (
	"context"
	"time"

	"github.com/buntime/keyval/kv"
)

// floorPatience is how long the tailer may take to come to a floor before a read
// tells whether the database can be read at all.
const floorPatience = 2 * time.Second

// floor is the position that a stream must begin at, or an answer have come to,
// to keep the promise of a read with these options: the newest that this node has
// answered, or the primary's for a strong one, and the caller's minimum. One that
// is newer than the database is kv.ErrInvalidArgument.
//
// The database is asked only if it has to be: by a read of no keys, which keeps
// the promise itself.
func (h *Hub) floor(ctx context.Context, read kv.ReadOptions) (kv.Versionstamp, error) {
	answered := kv.Versionstamp(h.cfg.DB.LastAnswered())
	if read.Consistency == kv.Strong || read.Min > max(answered, h.tailPosition()) {
		ctx, cancel := h.bounded(ctx)
		defer cancel()
		_, position, err := h.cfg.Store.Get(ctx, nil, read)
		return position, failure(err)
	}
	if read.Consistency == kv.Eventual {
		return read.Min, nil
	}
	return max(read.Min, answered), nil
}

// checkMin refuses a minimum that is newer than the database.
func (h *Hub) checkMin(ctx context.Context, minimum kv.Versionstamp) error {
	_, err := h.floor(ctx, kv.ReadOptions{Consistency: kv.Eventual, Min: minimum})
	return err
}
