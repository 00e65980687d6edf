package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/queue"
)

const (
	// listenPing is how often a stream without messages shows that it lives.
	listenPing = 15 * time.Second
	// listenRetry is how long a reader is told to wait before it connects again.
	listenRetry = time.Second
)

var concurrencyParam = intParam{name: "concurrency", doc: "How many messages may be out without ack at a time.", min: 1, max: queue.MaxConcurrency, def: 1, hasDefault: true}

func (s *Server) listenRoute() route {
	return route{
		method: http.MethodGet, pattern: "/queue/listen", op: "listen", tag: "queues", scope: write, waits: true,
		summary: "Be sent messages as they become ready",
		doc: "Server-sent events: `event: message` with the message as `data` and its id as `id`, and `event: ping` every 15 s. " +
			"Each message is locked and must be acked, nacked or extended, through any node; that makes room for the next. " +
			"A message that could not be written to the stream is given back at once and the attempt does not count.",
		query:   []param{queueParam.param(), lockParam.param(), concurrencyParam.param()},
		answers: []answerSpec{{status: 200, doc: "The stream.", contentType: eventStreamType, schema: text("")}},
		errors:  []api.Code{api.Unavailable},
		serve:   s.listen,
	}
}

func (s *Server) listen(ctx context.Context, c *call) error {
	req, err := decodeListen(c.query)
	if err != nil {
		return err
	}
	listener, err := s.cfg.Queue.Listen(req)
	if err != nil {
		return err
	}
	defer func() {
		if err := listener.Close(context.WithoutCancel(ctx)); err != nil {
			s.cfg.Logger.WarnContext(ctx, "messages could not be given back; their locks will end", "error", err)
		}
	}()
	stream := c.stream()
	if err := stream.retry(listenRetry); err != nil {
		return err
	}
	return s.feed(ctx, stream, listener)
}

func decodeListen(q query) (req queue.Listen, err error) {
	if req.Queue, _, err = queueName(q); err != nil {
		return req, err
	}
	if req.Lock, err = lockParam.get(q); err != nil {
		return req, err
	}
	concurrency, err := concurrencyParam.get(q)
	req.Concurrency = int(concurrency)
	return req, err
}

// feed writes messages to the stream until its reader has gone or the node
// drains.
func (s *Server) feed(ctx context.Context, stream *eventStream, listener *queue.Listener) error {
	ping := time.NewTicker(listenPing)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-listener.Done():
			return nil
		case <-ping.C:
			if err := stream.event("ping", "", nil); err != nil {
				return err
			}
		case <-listener.Ready():
			if err := s.feedReady(ctx, stream, listener); err != nil {
				return err
			}
		}
	}
}

// feedReady writes the messages that are there. One that cannot be written is
// given back.
func (s *Server) feedReady(ctx context.Context, stream *eventStream, listener *queue.Listener) error {
	for ctx.Err() == nil {
		m, ok := listener.Next()
		if !ok {
			return nil
		}
		if err := s.feedMessage(ctx, stream, &m); err != nil {
			s.release(ctx, []queue.Message{m})
			return err
		}
	}
	return nil
}

// feedMessage writes one message, for which it has room until it is written.
func (s *Server) feedMessage(ctx context.Context, stream *eventStream, m *queue.Message) error {
	room := share{of: s.memory}
	defer room.release()
	size := messageBytes(m)
	if size > freeBytes {
		ctx, cancel := context.WithTimeout(ctx, s.cfg.OperationTimeout)
		defer cancel()
		if !room.await(ctx, size) {
			return errNoRoom("too many large answers are on their way")
		}
	}
	return stream.send(renderEvent("message", m.ID, size, func(dst []byte) []byte { return appendMessage(dst, m) }))
}

// messageBytes is about how long a message is when rendered.
func messageBytes(m *queue.Message) int64 {
	const members = len(`{"id":"01890000-0000-7000-8000-000000000000","value":,"attempts":1000,"receipt":"01890000-0000-7000-8000-000000000000","queue":"","enqueuedAt":0123456789012}`)
	return int64(members + len(m.Value) + len(m.Queue))
}
