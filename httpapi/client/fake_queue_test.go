package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// message is one that is neither done nor dead.
type message struct {
	api.Message
	options     api.EnqueueOptions
	readyAt     time.Time
	lockedUntil time.Time
}

func (n *node) queueRoutes() {
	n.route("POST /queue/enqueue", n.enqueue)
	n.mux.HandleFunc("GET /queue/dequeue", n.dequeue)
	n.route("POST /queue/ack/{id}", n.ack)
	n.route("POST /queue/nack/{id}", n.nack)
	n.route("POST /queue/extend/{id}", n.extend)
	n.route("GET /queue/stats", n.stats)
	n.route("GET /queue/messages", n.browse)
	n.route("DELETE /queue/messages", n.purgeMessages)
	n.route("DELETE /queue/messages/{id}", n.purgeMessages)
	n.route("GET /queue/dlq", n.deadLetters)
	n.route("DELETE /queue/dlq", n.purge)
	n.route("GET /queue/dlq/{id}", n.deadLetter)
	n.route("DELETE /queue/dlq/{id}", n.deleteDeadLetter)
	n.route("POST /queue/dlq/{id}/requeue", n.requeue)
}

func (n *node) enqueue(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	var req api.EnqueueRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	if req.Options.Delay < 0 {
		return nil, refuse(api.InvalidArgument, "delay is negative")
	}
	versionstamp := n.commit()
	return api.EnqueueResult{OK: true, ID: n.addMessage(req, r.Header), Versionstamp: versionstamp}, nil
}

func (n *node) addMessage(req api.EnqueueRequest, sent http.Header) string {
	if req.Options.Queue == "" {
		req.Options.Queue = "default"
	}
	m := &message{options: req.Options, readyAt: time.Now().Add(time.Duration(req.Options.Delay) * time.Millisecond)}
	n.enqueued++
	m.ID = fmt.Sprintf("message-%d", n.enqueued)
	m.Value, m.Queue, m.EnqueuedAt = req.Value, req.Options.Queue, time.Now().UnixMilli()
	m.Traceparent = sent.Get("traceparent")
	n.messages = append(n.messages, m)
	return m.ID
}

// dequeue waits without holding the mutex.
func (n *node) dequeue(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	query := r.URL.Query()
	wait, _ := strconv.Atoi(query.Get("wait"))
	deadline := time.After(time.Duration(wait) * time.Millisecond)
	for {
		n.mu.Lock()
		taken := n.take(query)
		changed := n.changed
		if len(taken) > 0 || wait == 0 {
			n.answer(w, r, nil, func(http.ResponseWriter, *http.Request, []byte) (any, error) {
				return api.DequeueBatchResult{Messages: taken}, nil
			})
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(5 * time.Millisecond): // something delayed or locked may be due
		case <-deadline:
			wait = 0
		case <-r.Context().Done():
			return
		}
	}
}

func (n *node) take(query url.Values) []api.Message {
	queue := query.Get("queue")
	if queue == "" {
		queue = "default"
	}
	lock, _ := strconv.Atoi(query.Get("lock"))
	if lock == 0 {
		lock = 30_000
	}
	most, _ := strconv.Atoi(query.Get("max"))
	now := time.Now()
	taken := []api.Message{}
	for _, m := range slices.Clone(n.messages) {
		if !m.lockedUntil.IsZero() && now.After(m.lockedUntil) {
			n.failMessage(m, api.NackRequest{Error: "lock expired", Delay: new(int64)})
		}
		if m.Queue == queue && m.lockedUntil.IsZero() && now.After(m.readyAt) && len(taken) < most {
			m.Attempts++
			m.Receipt = fmt.Sprintf("%s/%d", m.ID, m.Attempts)
			m.lockedUntil = now.Add(time.Duration(lock) * time.Millisecond)
			taken = append(taken, m.Message)
		}
	}
	return taken
}

// held is the message that a receipt still holds.
func (n *node) held(r *http.Request, receipt string) (*message, error) {
	for _, m := range n.messages {
		if m.ID == r.PathValue("id") && m.Receipt == receipt && time.Now().Before(m.lockedUntil) {
			return m, nil
		}
	}
	return nil, refuse(api.LockLost, "the receipt no longer holds the message")
}

func (n *node) drop(m *message) {
	n.messages = slices.DeleteFunc(n.messages, func(other *message) bool { return other == m })
	n.commit()
}

func (n *node) ack(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	var req api.AckRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	m, err := n.held(r, req.Receipt)
	if err == nil {
		n.drop(m)
	}
	return api.OKResult{OK: true}, err
}

func (n *node) nack(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	var req api.NackRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	m, err := n.held(r, req.Receipt)
	if err == nil {
		n.failMessage(m, req)
	}
	return api.OKResult{OK: true}, err
}

func (n *node) failMessage(m *message, req api.NackRequest) {
	most := m.options.MaxAttempts
	if most == 0 {
		most = 5
	}
	m.lockedUntil = time.Time{}
	if req.DeadLetter || m.Attempts >= most {
		n.letters = append([]api.DeadLetter{{
			ID: "dead-" + m.ID, OriginalID: m.ID, Value: m.Value, ErrorMessage: req.Error,
			Attempts: m.Attempts, Queue: m.Queue,
		}}, n.letters...)
		n.drop(m)
		return
	}
	delay := int64(1000)
	if schedule := m.options.BackoffSchedule; len(schedule) > 0 {
		delay = schedule[min(m.Attempts, len(schedule))-1]
	}
	if req.Delay != nil {
		delay = *req.Delay
	}
	m.readyAt = time.Now().Add(time.Duration(delay) * time.Millisecond)
	n.commit()
}

func (n *node) extend(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	var req api.ExtendRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	m, err := n.held(r, req.Receipt)
	if err != nil {
		return nil, err
	}
	m.lockedUntil = time.Now().Add(time.Duration(req.Lock) * time.Millisecond)
	return api.ExtendResult{OK: true, LockedUntil: m.lockedUntil.UnixMilli()}, nil
}

func (n *node) stats(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	stats := api.QueueStats{Queues: map[string]api.QueueCounts{}}
	for _, m := range n.messages {
		if queue := r.URL.Query().Get("queue"); queue != "" && queue != m.Queue {
			continue
		}
		counts := stats.Queues[m.Queue]
		for _, c := range []*api.QueueCounts{&stats.QueueCounts, &counts} {
			c.Total++
			switch {
			case !m.lockedUntil.IsZero():
				c.Processing++
			case m.readyAt.After(time.Now()):
				c.Delayed++
				fallthrough
			default:
				c.Pending++
			}
		}
		stats.Queues[m.Queue] = counts
	}
	stats.DLQ = int64(len(n.letters))
	stats.Total += stats.DLQ
	return stats, nil
}

func (n *node) deadLetters(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	query := r.URL.Query()
	offset, _ := strconv.Atoi(query.Get("offset"))
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil {
		limit = 100
	}
	letters := []api.DeadLetter{}
	for _, letter := range n.letters {
		if queue := query.Get("queue"); queue == "" || queue == letter.Queue {
			letters = append(letters, letter)
		}
	}
	letters = letters[min(offset, len(letters)):]
	return letters[:min(limit, len(letters))], nil
}

func (n *node) letter(r *http.Request) (int, error) {
	i := slices.IndexFunc(n.letters, func(l api.DeadLetter) bool { return l.ID == r.PathValue("id") })
	if i < 0 {
		return 0, refuse(api.NotFound, "no such dead letter")
	}
	return i, nil
}

func (n *node) deadLetter(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	i, err := n.letter(r)
	if err != nil {
		return nil, err
	}
	return n.letters[i], nil
}

func (n *node) deleteDeadLetter(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	if i, err := n.letter(r); err == nil {
		n.letters = slices.Delete(n.letters, i, i+1)
	}
	return api.OKResult{OK: true}, nil
}

func (n *node) purge(http.ResponseWriter, *http.Request, []byte) (any, error) {
	result := api.PurgeResult{OK: true, DeletedCount: int64(len(n.letters))}
	n.letters = nil
	return result, nil
}

func (n *node) requeue(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	i, err := n.letter(r)
	if err != nil {
		return nil, err
	}
	letter := n.letters[i]
	n.letters = slices.Delete(n.letters, i, i+1)
	n.commit()
	id := n.addMessage(api.EnqueueRequest{Value: letter.Value, Options: api.EnqueueOptions{Queue: letter.Queue}}, nil)
	return api.RequeueResult{OK: true, ID: id, NewID: id}, nil
}
