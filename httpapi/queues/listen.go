package queues

import (
	"context"
	"net/http"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/route/sse"
	"github.com/buntime/keyval/queue"
)

const (
	// listenPing is how often a stream without messages shows that it lives.
	listenPing = 15 * time.Second
	// listenRetry is how long a reader is told to wait before it connects again.
	listenRetry = time.Second
)

var concurrencyParam = route.IntParam{Name: "concurrency", Doc: "How many messages may be out without ack at a time.", Min: 1, Max: queue.MaxConcurrency, Default: 1, HasDefault: true}

func (q *room) listenRoute() route.Route {
	return route.Route{
		Method: http.MethodGet, Pattern: "/queue/listen", Op: "listen", Tag: tagQueues, Scope: access.Queue, Changes: true, Waits: true,
		Summary: "Be sent messages as they become ready",
		Doc: "Server-sent events: `event: message` with the message as `data` and its id as `id`, and `event: ping` every 15 s. " +
			"Each message is locked and must be acked, nacked or extended, through any node; that makes room for the next. " +
			"A message that could not be written to the stream is given back at once and the attempt does not count.",
		Query:   []route.Param{queueParam.Param(), lockParam.Param(), concurrencyParam.Param()},
		Answers: []route.Answer{{Status: 200, Doc: "The stream.", ContentType: route.EventStream, Schema: route.Text("")}},
		Errors:  []api.Code{api.Unavailable},
		Serve:   q.listen,
	}
}

func (q *room) listen(ctx context.Context, c *route.Call) error {
	req, err := decodeListen(c.Query)
	if err != nil {
		return err
	}
	listener, err := q.Queue.For(c.Grant).Listen(req)
	if err != nil {
		return err
	}
	defer func() {
		if err := listener.Close(context.WithoutCancel(ctx)); err != nil {
			q.Logger.WarnContext(ctx, "messages could not be given back; their locks will end", "error", err)
		}
	}()
	stream := q.Streams.Start(c)
	if err := stream.Retry(listenRetry); err != nil {
		return err
	}
	return q.feed(ctx, c, stream, listener)
}

func decodeListen(q route.Query) (req queue.Listen, err error) {
	if req.Queue, _, err = queueName(q); err != nil {
		return req, err
	}
	if req.Lock, err = lockParam.Get(q); err != nil {
		return req, err
	}
	concurrency, err := concurrencyParam.Get(q)
	req.Concurrency = int(concurrency)
	return req, err
}

// feed writes messages to the stream until its reader has gone or the node
// drains.
func (q *room) feed(ctx context.Context, c *route.Call, stream *sse.Stream, listener *queue.Listener) error {
	ping := time.NewTicker(listenPing)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-listener.Done():
			return nil
		case <-ping.C:
			if err := stream.Event("ping", "", nil); err != nil {
				return err
			}
		case <-listener.Ready():
			if err := q.feedReady(ctx, c, stream, listener); err != nil {
				return err
			}
		}
	}
}

// feedReady writes the messages that are there. One that cannot be written is
// given back.
func (q *room) feedReady(ctx context.Context, c *route.Call, stream *sse.Stream, listener *queue.Listener) error {
	for ctx.Err() == nil {
		m, ok := listener.Next()
		if !ok {
			return nil
		}
		if err := feedMessage(ctx, c, stream, &m); err != nil {
			q.release(ctx, c, []queue.Message{m})
			return err
		}
		listener.Received(ctx, m)
	}
	return nil
}

// feedMessage writes one message, for which it has room until it is written.
func feedMessage(ctx context.Context, c *route.Call, stream *sse.Stream, m *queue.Message) error {
	room := c.Frame.NewShare()
	defer room.Release()
	size := messageBytes(m)
	if size > route.FreeBytes {
		ctx, cancel := c.Bounded(ctx)
		defer cancel()
		if !room.Await(ctx, size) {
			return route.Overloaded("too many large answers are on their way")
		}
	}
	return stream.Send(sse.RenderEvent("message", m.ID, size, func(dst []byte) []byte { return appendMessage(dst, m) }))
}

// messageBytes is about how long a message is when rendered.
func messageBytes(m *queue.Message) int64 {
	const members = len(`{"id":"01890000-0000-7000-8000-000000000000","value":,"attempts":1000,"receipt":"01890000-0000-7000-8000-000000000000","queue":"","enqueuedAt":0123456789012}`)
	return int64(members + len(m.Value) + len(m.Queue) + 2*len(m.Trace))
}
