package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/buntime/keyval/httpapi/api"
)

// pageSize is what Paginate asks for at a time unless told otherwise.
const pageSize = 500

// ReadOption is a setting of one read.
type ReadOption func(*api.Consistency)

// Consistency sets where this read reads.
func Consistency(consistency api.Consistency) ReadOption {
	return func(c *api.Consistency) { *c = consistency }
}

func (c *Client) consistencyOf(opts []ReadOption) api.Consistency {
	consistency := c.consistency
	for _, opt := range opts {
		opt(&consistency)
	}
	return consistency
}

// Get returns the entry of key, or an error that errors.Is api.NotFound if there
// is none.
func (c *Client) Get(ctx context.Context, key api.Key, opts ...ReadOption) (api.Entry, error) {
	path, err := keyPath("get", key)
	if err != nil {
		return api.Entry{}, err
	}
	consistency := c.consistencyOf(opts)
	query := url.Values{}
	if consistency != "" {
		query.Set("consistency", string(consistency))
	}
	var entry api.Entry
	err = c.do(ctx, call{
		op: "get", method: http.MethodGet, path: path, query: query,
		reads: carriesPosition(consistency), repeatable: true,
	}, &entry)
	return entry, err
}

// GetMany returns the entries of 1 to 1,000 keys from one snapshot, in the order
// of keys. A key that does not exist is an entry for which Exists is false.
func (c *Client) GetMany(ctx context.Context, keys []api.Key, opts ...ReadOption) ([]api.Entry, error) {
	req := api.BatchRequest{Keys: keys, Consistency: c.consistencyOf(opts)}
	var entries []api.Entry
	err := c.read(ctx, "get many", "/keys/batch", req.Consistency, req, &entries)
	return entries, err
}

// List returns entries in key order, at most req.Limit (default 100, at most
// 1,000), from one snapshot.
func (c *Client) List(ctx context.Context, req api.ListRequest) ([]api.Entry, error) {
	c.defaultConsistency(&req.Consistency)
	var entries []api.Entry
	err := c.read(ctx, "list", "/keys/list", req.Consistency, req, &entries)
	return entries, err
}

// Paginate returns all entries that req selects, page by page; req.Limit is the
// size of a page (default 500, at most 1,000). Each page is one snapshot, the
// whole is not. The iteration ends after the first error.
func (c *Client) Paginate(ctx context.Context, req api.ListRequest) iter.Seq2[api.Entry, error] {
	c.defaultConsistency(&req.Consistency)
	if req.Limit == 0 {
		req.Limit = pageSize
	}
	return func(yield func(api.Entry, error) bool) {
		next := api.PaginateRequest{ListRequest: req}
		for {
			var page api.Page
			if err := c.read(ctx, "paginate", "/keys/paginate", req.Consistency, next, &page); err != nil {
				yield(api.Entry{}, err)
				return
			}
			for _, entry := range page.Entries {
				if !yield(entry, nil) {
					return
				}
			}
			if !page.HasMore || page.Cursor == nil {
				return
			}
			next.Cursor = *page.Cursor
		}
	}
}

// Count counts the entries that req selects.
func (c *Client) Count(ctx context.Context, req api.CountRequest) (int64, error) {
	c.defaultConsistency(&req.Consistency)
	var result api.CountResult
	err := c.read(ctx, "count", "/keys/count", req.Consistency, req, &result)
	return result.Count, err
}

func (c *Client) defaultConsistency(consistency *api.Consistency) {
	if *consistency == "" {
		*consistency = c.consistency
	}
}

// read asks a route that reads what its body says.
func (c *Client) read(ctx context.Context, op, path string, consistency api.Consistency, req, out any) error {
	return c.post(ctx, call{
		op: op, path: path, reads: carriesPosition(consistency), repeatable: true,
	}, req, out)
}

// carriesPosition: a strong read sees everything anyway, an eventual one asked not
// to wait. With "" the server may take it for a session read.
func carriesPosition(consistency api.Consistency) bool {
	return consistency != api.Strong && consistency != api.Eventual
}
