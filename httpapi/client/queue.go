package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// maxMessages is how many messages one dequeue may ask for.
const maxMessages = 100

// EnqueueOption is a setting of Enqueue: a MessageOption or IdempotencyKey.
type EnqueueOption interface{ applyEnqueue(*enqueue) }

// MessageOption is a setting of a message, in Enqueue and in atomic operations.
type MessageOption func(*api.EnqueueOptions)

type enqueue struct {
	options api.EnqueueOptions
	key     IdempotencyKey
}

func (o MessageOption) applyEnqueue(e *enqueue)  { o(&e.options) }
func (o IdempotencyKey) applyEnqueue(e *enqueue) { e.key = o }

// Delay holds the message back for d, at most 30 days.
func Delay(d time.Duration) MessageOption {
	return func(o *api.EnqueueOptions) { o.Delay = millis(d) }
}

// Backoff is how long each retry waits: as many retries as steps, unless
// MaxAttempts says otherwise. No steps: no retry.
func Backoff(steps ...time.Duration) MessageOption {
	schedule := make([]int64, len(steps))
	for i, d := range steps {
		schedule[i] = millis(d)
	}
	return func(o *api.EnqueueOptions) { o.BackoffSchedule = schedule }
}

// KeysIfUndelivered get the message's value if its last attempt fails.
func KeysIfUndelivered(keys ...api.Key) MessageOption {
	return func(o *api.EnqueueOptions) { o.KeysIfUndelivered = keys }
}

// MaxAttempts is how often the message is delivered before it is a dead letter.
func MaxAttempts(n int) MessageOption {
	return func(o *api.EnqueueOptions) { o.MaxAttempts = n }
}

// Priority puts the message before ready ones of lower priority: -128 to 127, by
// default 0.
func Priority(n int) MessageOption {
	return func(o *api.EnqueueOptions) { o.Priority = n }
}

// DedupeID makes the enqueue of a message with the same id, on the same queue and
// within 24 hours, answer with the first one's id and add nothing.
func DedupeID(id string) MessageOption {
	return func(o *api.EnqueueOptions) { o.DedupeID = id }
}

func newMessage(queue string, value any, opts []MessageOption) (api.EnqueueRequest, error) {
	raw, err := encodeValue(value)
	m := api.EnqueueRequest{Value: raw}
	for _, opt := range opts {
		opt(&m.Options)
	}
	m.Options.Queue = queue
	return m, err
}

// Enqueue adds a message to queue, "" for the default one. Delivery is at least
// once. It is repeated after a lost answer if it has an idempotency key, which it
// has by default, or a DedupeID.
func (c *Client) Enqueue(ctx context.Context, queue string, value any, opts ...EnqueueOption) (api.EnqueueResult, error) {
	const op = "enqueue"
	var e enqueue
	for _, opt := range opts {
		opt.applyEnqueue(&e)
	}
	e.options.Queue = queue
	raw, err := encodeValue(value)
	if err != nil {
		return api.EnqueueResult{}, fmt.Errorf("keyval: %s: %w", op, err)
	}
	deduped := e.options.DedupeID != ""
	call := call{op: op, path: "/queue/enqueue", repeatable: deduped}
	if err := c.makeIdempotent(&call, e.key, c.idempotency != IdempotencyOff && !deduped); err != nil {
		return api.EnqueueResult{}, err
	}
	var result api.EnqueueResult
	err = c.post(ctx, call, api.EnqueueRequest{Value: raw, Options: e.options}, &result)
	return result, err
}

// DequeueOption is a setting of Dequeue: Wait, Max or Lock.
type DequeueOption interface{ applyDequeue(*dequeue) }

type dequeue struct {
	wait, lock time.Duration
	max        int
}

// Wait is how long a Dequeue waits for a message if there is none, at most a
// minute; the default is not to wait. In Consume it is the length of a long poll
// (default 20 s): longer ones make fewer requests, but some proxies cut them.
type Wait time.Duration

// Max is how many messages a Dequeue takes at most: 1 (the default) to 100.
type Max int

// Lock is for how long nobody else gets a message; the default is 30 s. Consume
// renews it while the handler runs, so that there it is how long a message stays
// away whose consumer dies.
type Lock time.Duration

func (o Wait) applyDequeue(r *dequeue) { r.wait = time.Duration(o) }
func (o Max) applyDequeue(r *dequeue)  { r.max = int(o) }
func (o Lock) applyDequeue(r *dequeue) { r.lock = time.Duration(o) }

// Dequeue takes messages of queue, "" for the default one; none if there are none.
// Each must be acknowledged, given back or extended before its lock expires, or it
// counts as failed.
//
// It is not repeated after a lost answer, and the error Is ErrAnswerLost: each repetition
// could lock messages that nobody knows of. Those of the lost answer, if there were any,
// come back when their lock expires.
func (c *Client) Dequeue(ctx context.Context, queue string, opts ...DequeueOption) ([]api.Message, error) {
	req := dequeue{max: 1}
	for _, opt := range opts {
		opt.applyDequeue(&req)
	}
	query := url.Values{"max": {strconv.Itoa(req.max)}}
	if queue != "" {
		query.Set("queue", queue)
	}
	if req.wait != 0 {
		query.Set("wait", strconv.FormatInt(millis(req.wait), 10))
	}
	if req.lock != 0 {
		query.Set("lock", strconv.FormatInt(millis(req.lock), 10))
	}
	var result api.DequeueBatchResult
	err := c.do(ctx, call{
		op: "dequeue", method: http.MethodGet, path: "/queue/dequeue", query: query,
		takes: true, wait: req.wait,
	}, &result)
	if err != nil && outcomeOf(err) == unknown {
		err = fmt.Errorf("%w: %w", ErrAnswerLost, err)
	}
	return result.Messages, err
}

// Ack says that m is done. If m's lock has been lost, the error Is api.LockLost and
// nothing changes; so it can be when the answer to an Ack was lost and the client
// repeated it.
func (c *Client) Ack(ctx context.Context, m api.Message) error {
	return c.settle(ctx, "ack", m, api.AckRequest{Receipt: m.Receipt}, new(api.OKResult))
}

// NackOption is a setting of Nack.
type NackOption func(*api.NackRequest)

// RetryAfter has the message delivered again after d instead of its next backoff
// step.
func RetryAfter(d time.Duration) NackOption {
	ms := millis(d)
	return func(r *api.NackRequest) { r.Delay = &ms }
}

// Reason keeps err's text, or the first 1,000 characters of it, with the message
// in case that it becomes a dead letter.
func Reason(err error) NackOption {
	text := []rune(err.Error())
	return func(r *api.NackRequest) { r.Error = string(text[:min(len(text), 1000)]) }
}

// DeadLetter makes the message a dead letter at once.
func DeadLetter() NackOption {
	return func(r *api.NackRequest) { r.DeadLetter = true }
}

// Nack says that m has failed: it is delivered again after its next backoff step,
// or becomes a dead letter after its last attempt. A lost lock is as with Ack.
func (c *Client) Nack(ctx context.Context, m api.Message, opts ...NackOption) error {
	req := api.NackRequest{Receipt: m.Receipt}
	for _, opt := range opts {
		opt(&req)
	}
	return c.settle(ctx, "nack", m, req, new(api.OKResult))
}

// Extend locks m for lock from now on, and returns until when by the database's
// clock. A lost lock is as with Ack.
func (c *Client) Extend(ctx context.Context, m api.Message, lock time.Duration) (time.Time, error) {
	var result api.ExtendResult
	err := c.settle(ctx, "extend", m, api.ExtendRequest{Receipt: m.Receipt, Lock: millis(lock)}, &result)
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(result.LockedUntil), nil
}

// settle sends what is to become of m. Repeating it is safe: after the first time
// the receipt holds nothing any more, or the same lock.
func (c *Client) settle(ctx context.Context, op string, m api.Message, req, out any) error {
	if m.ID == "" || m.Receipt == "" {
		return fmt.Errorf("keyval: %s: %w", op, errors.New("the message has no id or no receipt"))
	}
	path := "/queue/" + op + "/" + url.PathEscape(m.ID)
	return c.post(ctx, call{op: op, path: path, repeatable: true}, req, out)
}

// QueueStats counts the messages of queue, or of all queues with "".
func (c *Client) QueueStats(ctx context.Context, queue string) (api.QueueStats, error) {
	var stats api.QueueStats
	err := c.do(ctx, call{
		op: "queue stats", method: http.MethodGet, path: "/queue/stats", query: queueQuery(queue),
		repeatable: true,
	}, &stats)
	return stats, err
}

func queueQuery(queue string) url.Values {
	if queue == "" {
		return nil
	}
	return url.Values{"queue": {queue}}
}
