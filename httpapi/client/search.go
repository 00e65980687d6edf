package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// CreateIndex makes a full-text index over the entries at and below index.Prefix, or does
// nothing if there is the same; another one over the same prefix is replaced. Entries that
// exist are indexed in the background where they are many: WaitForIndex waits for that.
//
// A CreateIndex whose answer is lost is repeated: whoever creates indexes of one prefix that
// differ has a quarrel anyway.
func (c *Client) CreateIndex(ctx context.Context, index api.Index) error {
	return c.post(ctx, call{op: "create index", path: "/indexes", repeatable: true}, index, &api.OKResult{})
}

// Indexes returns all indexes, in the order of their prefixes, and how far they are built.
func (c *Client) Indexes(ctx context.Context, opts ...ReadOption) ([]api.IndexStatus, error) {
	consistency := c.consistencyOf(opts)
	query := url.Values{}
	if consistency != "" {
		query.Set("consistency", string(consistency))
	}
	var indexes []api.IndexStatus
	err := c.do(ctx, call{
		op: "indexes", method: http.MethodGet, path: "/indexes", query: query,
		reads: carriesPosition(consistency), repeatable: true,
	}, &indexes)
	return indexes, err
}

// indexPoll bounds how long WaitForIndex waits at least between two looks: its random
// delays grow to RetryPolicy.MaxDelay.
const indexPoll = 100 * time.Millisecond

// WaitForIndex returns when the index over exactly prefix can be searched. The error Is
// api.NotFound if there is none.
func (c *Client) WaitForIndex(ctx context.Context, prefix api.Key) error {
	looks := backoff{policy: c.retry}
	for {
		index, err := c.index(ctx, prefix)
		if err != nil || index.State == api.StateReady {
			return err
		}
		looks.waitForEver(ctx, 0, indexPoll)
		if ctx.Err() != nil {
			return fmt.Errorf("keyval: wait for index: %w", ctx.Err())
		}
	}
}

// index returns the index over exactly prefix, as the primary has it.
func (c *Client) index(ctx context.Context, prefix api.Key) (api.IndexStatus, error) {
	want, err := prefix.Path()
	if err != nil {
		return api.IndexStatus{}, fmt.Errorf("keyval: wait for index: %w", err)
	}
	indexes, err := c.Indexes(ctx, Consistency(api.Strong))
	if err != nil {
		return api.IndexStatus{}, err
	}
	i := slices.IndexFunc(indexes, func(index api.IndexStatus) bool {
		path, err := index.Prefix.Path()
		return err == nil && path == want
	})
	if i < 0 {
		return api.IndexStatus{}, fmt.Errorf("keyval: wait for index: %w", api.NotFound)
	}
	return indexes[i], nil
}

// DropIndex removes the index over exactly prefix, if there is one.
func (c *Client) DropIndex(ctx context.Context, prefix api.Key) error {
	path, err := prefix.Path()
	if err != nil {
		return fmt.Errorf("keyval: drop index: %w", err)
	}
	query := url.Values{"prefix": {path}}
	return c.do(ctx, call{op: "drop index", method: http.MethodDelete, path: "/indexes", query: query, repeatable: true}, &api.OKResult{})
}

// Search returns the entries at and below req.Prefix whose text matches req.Query, the most
// relevant first, at most req.Limit (default 100, at most 1,000), from one snapshot. The
// error Is api.NotFound if no index covers the prefix, and api.IndexBuilding while the one
// that does is being built, which is not waited for.
func (c *Client) Search(ctx context.Context, req api.SearchRequest) ([]api.Found, error) {
	c.defaultConsistency(&req.Consistency)
	var found []api.Found
	err := c.read(ctx, "search", "/search", req.Consistency, req, &found)
	return found, err
}
