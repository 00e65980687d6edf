package queue

import (
	"context"
	"time"

	"github.com/buntime/keyval/internal/sqldb"
)

// releaseTimeout bounds giving messages back.
const releaseTimeout = 10 * time.Second

// Release gives messages back that could not be handed over: they are ready
// again at once, in their old place, and the attempt does not count. Messages
// that have gone on meanwhile are left as they are. It ends when the database
// has answered, or after a while, whatever becomes of ctx: a message that was
// taken must not be lost to a cancelled request.
func (q *Queue) Release(ctx context.Context, taken []Message) error {
	if len(taken) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	refs := make([]sqldb.Ref, len(taken))
	for i, m := range taken {
		refs[i] = messages.Ref(m.ID)
	}
	var released []delivery
	_, err := q.db.Do(ctx, &sqldb.Op{
		Name:     "queue_release",
		Reads:    refs,
		Bytes:    smallBytes * len(taken),
		Relieves: true,
		Apply: func(tx *sqldb.Tx) error {
			released = released[:0]
			for _, m := range taken {
				if r := find(tx, nil, m.ID); r != nil && r.receipt == receipt(m.Receipt) {
					messages.Put(tx, m.ID, r.released())
					released = append(released, delivery{r.queue, m.ID, r.receipt})
				}
			}
			return nil
		},
	})
	if err != nil {
		return failure(err)
	}
	for _, d := range released {
		q.finished(d)
		q.arrived(d.queue, 0)
	}
	return nil
}
