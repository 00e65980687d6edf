package workload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/buntime/keyval/bench/load"
	"github.com/buntime/keyval/httpapi/api"
)

// takeWait is how long a dequeue waits for a message; there is always one to come.
const takeWait = 10 * time.Second

// The operations of a queue, as indexes of queue.Operations.
const (
	cycle = iota
	enqueue
	dequeue
	ack
)

func openQueue(p *place) Workload { return &queue{place: p, name: queueName(p.path)} }

// queue is a cycle of three requests. Whoever enqueues a message takes one, which need not be
// the same: the queue is everybody's.
type queue struct {
	*place
	name string
	ours bool // it was empty when we came
}

// queueName makes the name of a queue out of a prefix: what a name cannot hold becomes a
// dash, and then, or if it is too long, a digest keeps it apart from others that would be
// the same.
func queueName(path string) string {
	const longest, digestBytes = 64, 6
	name := []byte(path)
	for i, c := range name {
		if !isNameByte(c) {
			name[i] = '-'
		}
	}
	if string(name) == path && len(name) <= longest {
		return path
	}
	digest := sha256.Sum256([]byte(path))
	suffix := "-" + hex.EncodeToString(digest[:digestBytes])
	return string(name[:min(len(name), longest-len(suffix))]) + suffix
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

func (w *queue) Operations() []string { return []string{"cycle", "enqueue", "dequeue", "ack"} }

// Prepare makes sure that the queue is nobody else's.
func (w *queue) Prepare(ctx context.Context, _ func(float64)) error {
	stats, err := w.client.QueueStats(ctx, w.name)
	if err != nil {
		return err
	}
	if stats.Total > 0 {
		return fmt.Errorf("the queue %q has %d messages, which would be lost: choose another prefix, or empty it", w.name, stats.Total)
	}
	w.ours = true
	return nil
}

// Clean empties the queue, messages that are being processed and dead letters included.
func (w *queue) Clean(ctx context.Context) error {
	if !w.ours {
		return w.place.Clean(ctx)
	}
	for {
		_, err := w.client.PurgeMessages(ctx, w.name, "")
		_, errTaken := w.client.PurgeMessages(ctx, w.name, api.MessageProcessing)
		_, errDead := w.client.PurgeDeadLetters(ctx, w.name)
		if err := errors.Join(err, errTaken, errDead); err != nil {
			return err
		}
		stats, err := w.client.QueueStats(ctx, w.name)
		if err != nil {
			return err
		}
		if stats.Total == 0 {
			return w.place.Clean(ctx)
		}
	}
}

func (w *queue) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	c.target = fmt.Appendf(nil, "/queue/dequeue?queue=%s&wait=%d", w.name, takeWait.Milliseconds())
	return &queueing{caller: c, queue: w.name, parts: unrecorded()}, err
}

type queueing struct {
	caller
	parts
	queue string
}

// Do goes through a whole cycle.
func (w *queueing) Do(ctx context.Context) (int, error) {
	err := w.timed(ctx, enqueue, w.enqueue)
	if err == nil {
		err = w.timed(ctx, dequeue, w.dequeue)
	}
	if err == nil {
		err = w.timed(ctx, ack, w.ack)
	}
	return cycle, err
}

func (w *queueing) enqueue(ctx context.Context) error {
	w.body = sizes(w.ValueBytes).plain(append(w.body[:0], `{"value":`...), w.rand, 0)
	w.body = append(append(w.body, `,"options":{"queue":"`...), w.queue...)
	w.body = append(w.body, `"}}`...)
	_, err := w.post(ctx, "/queue/enqueue")
	return err
}

// dequeue takes a message and leaves the body of its ack.
func (w *queueing) dequeue(ctx context.Context) error {
	answer, err := succeed(w.conn.Do(ctx, http.MethodGet, string(w.target), nil, nil))
	if err != nil {
		return err
	}
	id, receipt := member(answer.Body, "id"), member(answer.Body, "receipt")
	if id == nil || receipt == nil {
		return errEmpty
	}
	w.body = append(append(w.body[:0], `{"id":"`...), id...)
	w.body = append(append(w.body, `","receipt":"`...), receipt...)
	w.body = append(w.body, `"}`...)
	return nil
}

func (w *queueing) ack(ctx context.Context) error {
	answer, err := succeed(w.conn.Do(ctx, http.MethodPost, "/queue/ack", nil, w.body))
	if err == nil && !bytes.HasPrefix(answer.Body, []byte(`{"ok":true`)) {
		return errMalformed
	}
	return err
}
