package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
)

// MessageList selects messages to look at.
type MessageList struct {
	Queue string           // "": the default one
	State api.MessageState // "": all
	Limit int              // the size of a page; 0: 100, at most 1,000
}

// Messages looks at messages without taking them, page by page: first those that
// wait, in the order of their delivery as things stand, then those that are being
// processed, by when their locks end. It is not one snapshot: a message that moves on
// meanwhile may be missed or met twice. The iteration ends after the first error.
func (c *Client) Messages(ctx context.Context, list MessageList) iter.Seq2[api.QueuedMessage, error] {
	return func(yield func(api.QueuedMessage, error) bool) {
		query := messageQuery(list.Queue, list.State)
		if list.Limit != 0 {
			query.Set("limit", strconv.Itoa(list.Limit))
		}
		for {
			var page api.QueuedMessages
			err := c.do(ctx, call{
				op: "messages", method: http.MethodGet, path: "/queue/messages", query: query, repeatable: true,
			}, &page)
			if err != nil {
				yield(api.QueuedMessage{}, err)
				return
			}
			for _, m := range page.Messages {
				if !yield(m, nil) {
					return
				}
			}
			if page.Cursor == nil {
				return
			}
			query.Set("cursor", *page.Cursor)
		}
	}
}

// PurgeMessages removes the messages of queue, "" for the default one, that are there
// when it begins, and returns how many those were: those in a state, or with "" all
// that wait. What is being processed goes only with api.MessageProcessing: whoever
// works on it gets api.LockLost. It is atomic only up to 1,000 messages, and not
// repeated after a lost answer; with an error the number says how far it came.
func (c *Client) PurgeMessages(ctx context.Context, queue string, state api.MessageState) (int64, error) {
	return c.purgeMessages(ctx, "purge messages", "/queue/messages", messageQuery(queue, state))
}

// PurgeMessage removes one message, if it is in the state, and tells whether it has.
// "" is one that waits.
func (c *Client) PurgeMessage(ctx context.Context, id string, state api.MessageState) (bool, error) {
	n, err := c.purgeMessages(ctx, "purge message", "/queue/messages/"+url.PathEscape(id), messageQuery("", state))
	return n > 0, err
}

func (c *Client) purgeMessages(ctx context.Context, op, path string, query url.Values) (int64, error) {
	return c.purge(ctx, call{op: op, method: http.MethodDelete, path: path, query: query})
}

// purge returns how many messages all attempts have removed, also if the last one has
// failed.
func (c *Client) purge(ctx context.Context, call call) (int64, error) {
	var result api.PurgeResult
	call.removed = new(int64)
	err := c.do(ctx, call, &result)
	return *call.removed + result.DeletedCount, err
}

func messageQuery(queue string, state api.MessageState) url.Values {
	query := url.Values{}
	if queue != "" {
		query.Set("queue", queue)
	}
	if state != "" {
		query.Set("state", string(state))
	}
	return query
}
