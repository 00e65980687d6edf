package client_test

import (
	"net/http"
	"strconv"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// state is where in its life a message is.
func (m *message) state() api.MessageState {
	switch {
	case !m.lockedUntil.IsZero():
		return api.MessageProcessing
	case m.readyAt.After(time.Now()):
		return api.MessageDelayed
	}
	return api.MessageReady
}

// asked tells whether a request is about the message.
func (m *message) asked(r *http.Request, otherwise bool) bool {
	query := r.URL.Query()
	queue, state := query.Get("queue"), api.MessageState(query.Get("state"))
	if queue == "" {
		queue = "default"
	}
	if id := r.PathValue("id"); id != "" && m.ID != id || id == "" && m.Queue != queue {
		return false
	}
	return m.state() == state || state == "" && otherwise
}

// browse has the place of the next message for a cursor.
func (n *node) browse(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil {
		limit = 100
	}
	at, _ := strconv.Atoi(query.Get("cursor"))
	page := api.QueuedMessages{Messages: []api.QueuedMessage{}}
	for i, m := range n.messages {
		if i < at || !m.asked(r, true) {
			continue
		}
		if len(page.Messages) == limit {
			cursor := strconv.Itoa(i)
			page.Cursor = &cursor
			break
		}
		page.Messages = append(page.Messages, m.queued())
	}
	return page, nil
}

func (m *message) queued() api.QueuedMessage {
	q := api.QueuedMessage{
		ID: m.ID, Value: m.Value, Attempts: m.Attempts, Priority: m.options.Priority,
		EnqueuedAt: m.EnqueuedAt, ReadyAt: m.readyAt.UnixMilli(),
	}
	if !m.lockedUntil.IsZero() {
		until := m.lockedUntil.UnixMilli()
		q.LockedUntil = &until
	}
	return q
}

func (n *node) purgeMessages(_ http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	result := api.PurgeResult{OK: true}
	var kept []*message
	for _, m := range n.messages {
		if m.asked(r, m.state() != api.MessageProcessing) {
			result.DeletedCount++
			continue
		}
		kept = append(kept, m)
	}
	n.messages = kept
	return result, nil
}
