package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
)

// DeadLetterPage selects dead letters.
type DeadLetterPage struct {
	Queue  string // "": of all queues
	Limit  int    // 0: 100; at most 1,000
	Offset int    // how many of the newest to leave out
}

// DeadLetters lists messages whose last attempt has failed, newest first.
func (c *Client) DeadLetters(ctx context.Context, page DeadLetterPage) ([]api.DeadLetter, error) {
	query := url.Values{}
	if page.Queue != "" {
		query.Set("queue", page.Queue)
	}
	if page.Limit != 0 {
		query.Set("limit", strconv.Itoa(page.Limit))
	}
	if page.Offset != 0 {
		query.Set("offset", strconv.Itoa(page.Offset))
	}
	var letters []api.DeadLetter
	err := c.do(ctx, call{
		op: "dead letters", method: http.MethodGet, path: "/queue/dlq", query: query, repeatable: true,
	}, &letters)
	return letters, err
}

// DeadLetter returns one dead letter, or an error that Is api.NotFound.
func (c *Client) DeadLetter(ctx context.Context, id string) (api.DeadLetter, error) {
	var letter api.DeadLetter
	err := c.do(ctx, call{
		op: "dead letter", method: http.MethodGet, path: deadLetterPath(id), repeatable: true,
	}, &letter)
	return letter, err
}

// RequeueDeadLetter puts a dead letter back into its queue with no attempts counted
// and returns the new message's id. It is not repeated after a lost answer: a
// second time it would be api.NotFound.
func (c *Client) RequeueDeadLetter(ctx context.Context, id string) (string, error) {
	var result api.RequeueResult
	err := c.do(ctx, call{
		op: "requeue", method: http.MethodPost, path: deadLetterPath(id) + "/requeue",
	}, &result)
	return result.ID, err
}

// DeleteDeadLetter removes one dead letter; one that is not there is fine.
func (c *Client) DeleteDeadLetter(ctx context.Context, id string) error {
	return c.do(ctx, call{
		op: "delete dead letter", method: http.MethodDelete, path: deadLetterPath(id), repeatable: true,
	}, new(api.OKResult))
}

// PurgeDeadLetters removes all dead letters of queue, or of all queues with "", and
// returns how many those were, with an error too.
func (c *Client) PurgeDeadLetters(ctx context.Context, queue string) (int64, error) {
	return c.purge(ctx, call{
		op: "purge dead letters", method: http.MethodDelete, path: "/queue/dlq", query: queueQuery(queue),
	})
}

func deadLetterPath(id string) string { return "/queue/dlq/" + url.PathEscape(id) }
