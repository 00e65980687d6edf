package kvconnect

import (
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/internal/v8value"
	"github.com/buntime/keyval/queue"
)

// defaultBackoff is Deno's schedule, in milliseconds, for messages without one.
var defaultBackoff = []int64{100, 1_000, 5_000, 30_000, 60_000}

// part makes messages a part of an operation. They go to the default queue: the
// protocol knows no other.
func (r *room) part(enqueues []*datapath.Enqueue, g *access.Grant) (*queue.Part, error) {
	if !r.NewPart.Given() {
		return nil, &route.Refusal{Code: api.NotFound, Text: "there are no queues on this node"}
	}
	messages := make([]queue.Enqueue, len(enqueues))
	for i, e := range enqueues {
		var err error
		if messages[i], err = r.message(e, time.Now().UnixMilli()); err != nil {
			return nil, err
		}
	}
	return r.NewPart.For(g)(messages)
}

func (r *room) message(e *datapath.Enqueue, now int64) (m queue.Enqueue, err error) {
	if len(e.GetPayload()) > r.limits.value {
		return m, route.TooLarge("enqueue payload too large (max %d bytes)", r.limits.value)
	}
	if m.Value, err = asStored(e.GetPayload(), v8value.V8); err != nil {
		return m, err
	}
	if m.Delay = max(e.GetDeadlineMs(), now) - now; m.Delay > queue.MaxDelay {
		return m, route.InvalidArgument("the deadline of an enqueue is more than 30 days ahead")
	}
	for _, raw := range e.GetKeysIfUndelivered() {
		key, err := writeKey(raw)
		if err != nil {
			return m, err
		}
		m.KeysIfUndelivered = append(m.KeysIfUndelivered, key)
	}
	m.Backoff, err = backoff(e.GetBackoffSchedule())
	return m, err
}

// backoff is a schedule in milliseconds.
func backoff(steps []uint32) ([]int64, error) {
	if len(steps) == 0 {
		return defaultBackoff, nil
	}
	if len(steps) > maxBackoff {
		return nil, route.TooLarge("Too many backoff entries (max %d)", maxBackoff)
	}
	schedule := make([]int64, len(steps))
	for i, step := range steps {
		if step > maxBackoffStep {
			return nil, route.TooLarge("a backoff of %d ms is too large (max %d)", step, maxBackoffStep)
		}
		schedule[i] = int64(step)
	}
	return schedule, nil
}
