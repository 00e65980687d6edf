package queues

import (
	"cmp"
	"context"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/queue"
)

// Guard lets a call reach of the queues what its grant reaches.
func Guard(q Queue) access.Guarded[*Reached] {
	return access.Guard(func(g *access.Grant) *Reached { return &Reached{q, g} })
}

// Reached is the queues as far as a grant reaches. Another queue's name is refused, and a
// message that is in none of the grant's own is for it not there.
type Reached struct {
	queue Queue
	grant *access.Grant
}

// need refuses a queue by its name, "" being the default one.
func (q *Reached) need(name string) error {
	return q.grant.NeedQueue(cmp.Or(name, queue.DefaultName))
}

// NewPart is for messages to any of several queues, which other routes than those of
// queues enqueue, too.
func (q *Reached) NewPart(messages []queue.Enqueue) (*queue.Part, error) {
	if err := q.grant.Need(access.Queue); err != nil {
		return nil, err
	}
	for i := range messages {
		if err := q.needMessage(&messages[i]); err != nil {
			return nil, err
		}
	}
	return q.queue.NewPart(messages)
}

// needMessage refuses a message for another queue, and one whose end would write keys that
// its sender may not.
func (q *Reached) needMessage(m *queue.Enqueue) error {
	if err := q.need(m.Queue); err != nil || len(m.KeysIfUndelivered) == 0 {
		return err
	}
	if err := q.grant.Need(access.Write); err != nil {
		return err
	}
	return wire.ReachAll(q.grant, m.KeysIfUndelivered)
}

// Dequeue is as of Queue.
func (q *Reached) Dequeue(ctx context.Context, d queue.Dequeue) ([]queue.Message, error) {
	if err := q.need(d.Queue); err != nil {
		return nil, err
	}
	return q.queue.Dequeue(ctx, d)
}

// Listen is as of Queue.
func (q *Reached) Listen(l queue.Listen) (*queue.Listener, error) {
	if err := q.need(l.Queue); err != nil {
		return nil, err
	}
	return q.queue.Listen(l)
}

// Release gives back what this very call has taken.
func (q *Reached) Release(ctx context.Context, messages []queue.Message) error {
	return q.queue.Release(ctx, messages)
}

// names are the queues whose messages are there.
func (q *Reached) names() queue.Names { return q.grant.Queues() }

// Ack is as of Queue.
func (q *Reached) Ack(ctx context.Context, id, receipt string) error {
	return q.queue.Ack(ctx, q.names(), id, receipt)
}

// Nack is as of Queue.
func (q *Reached) Nack(ctx context.Context, id, receipt string, f queue.Failure) error {
	return q.queue.Nack(ctx, q.names(), id, receipt, f)
}

// Extend is as of Queue.
func (q *Reached) Extend(ctx context.Context, id, receipt string, lock int64) (lockedUntil int64, err error) {
	return q.queue.Extend(ctx, q.names(), id, receipt, lock)
}

// Stats are those of the queues that are reached.
func (q *Reached) Stats(ctx context.Context) (queue.Stats, error) {
	stats, err := q.queue.Stats(ctx)
	if err != nil || q.names() == nil {
		return stats, err
	}
	return stats.Of(q.names()), nil
}

// Browse is as of Queue.
func (q *Reached) Browse(ctx context.Context, b queue.Browse) (messages []queue.Browsed, cursor string, err error) {
	if err := q.need(b.Queue); err != nil {
		return nil, "", err
	}
	return q.queue.Browse(ctx, b)
}

// PurgeMessages is as of Queue.
func (q *Reached) PurgeMessages(ctx context.Context, name string, state queue.State) (deleted int, err error) {
	if err := q.need(name); err != nil {
		return 0, err
	}
	return q.queue.PurgeMessages(ctx, name, state)
}

// PurgeMessage is as of Queue.
func (q *Reached) PurgeMessage(ctx context.Context, id string, state queue.State) (deleted bool, err error) {
	return q.queue.PurgeMessage(ctx, q.names(), id, state)
}

// DeadLetters is as of Queue.
func (q *Reached) DeadLetters(ctx context.Context, list queue.DeadLetterList) (letters []queue.DeadLetter, cursor string, err error) {
	if err := q.grant.NeedQueue(list.Queue); err != nil {
		return nil, "", err
	}
	return q.queue.DeadLetters(ctx, list)
}

// DeadLetter is as of Queue.
func (q *Reached) DeadLetter(ctx context.Context, id string) (queue.DeadLetter, error) {
	return q.queue.DeadLetter(ctx, q.names(), id)
}

// Requeue is as of Queue.
func (q *Reached) Requeue(ctx context.Context, id string) (messageID string, err error) {
	return q.queue.Requeue(ctx, q.names(), id)
}

// DeleteDeadLetter is as of Queue.
func (q *Reached) DeleteDeadLetter(ctx context.Context, id string) error {
	return q.queue.DeleteDeadLetter(ctx, q.names(), id)
}

// PurgeDeadLetters is as of Queue.
func (q *Reached) PurgeDeadLetters(ctx context.Context, name string) (deleted int, err error) {
	if err := q.grant.NeedQueue(name); err != nil {
		return 0, err
	}
	return q.queue.PurgeDeadLetters(ctx, name)
}

// Sampled is as of Queue: for those who see the whole node.
func (q *Reached) Sampled(ctx context.Context) (queue.Stats, error) {
	if err := q.grant.NeedQueue(""); err != nil {
		return queue.Stats{}, err
	}
	return q.queue.Sampled(ctx)
}
