package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// PutOption is a setting of Put: ExpireIn, IfMatch, IfAbsent or IdempotencyKey.
type PutOption interface{ applyPut(*write) }

// DeleteOption is a setting of Delete: IfMatch or IdempotencyKey.
type DeleteOption interface{ applyDelete(*write) }

// TreeDeleteOption is a setting of DeleteTree, DeletePrefix, DeleteMany and DeleteAll:
// Where or IdempotencyKey.
type TreeDeleteOption interface{ applyTreeDelete(*write) }

// WriteOption is a setting of every other write: IdempotencyKey.
type WriteOption interface{ applyWrite(*write) }

// ExpireIn lets an entry expire; whole milliseconds, at least one.
type ExpireIn time.Duration

// IfMatch writes only if the entry has this versionstamp; else the error Is
// api.PreconditionFailed and nothing is written.
type IfMatch api.Versionstamp

// IfAbsent writes only if the key does not exist; else the error Is
// api.PreconditionFailed and nothing is written.
type IfAbsent struct{}

// IdempotencyKey makes a write safe to repeat, for the client and for its caller,
// also from another process: for 24 hours the same write with the same key has no
// further effect and gets the first one's answer. At most 128 characters. The same
// key with another write is api.InvalidArgument.
type IdempotencyKey string

// Where restricts a delete to the entries that match a filter when they are deleted. The
// zero filter is refused: leave the option out to delete everything.
type Where api.Where

func (o ExpireIn) applyPut(w *write)              { w.expireIn(time.Duration(o)) }
func (o IfMatch) applyPut(w *write)               { w.header.Set("If-Match", `"`+string(o)+`"`) }
func (o IfMatch) applyDelete(w *write)            { o.applyPut(w) }
func (IfAbsent) applyPut(w *write)                { w.header.Set("If-None-Match", "*") }
func (o IdempotencyKey) applyWrite(w *write)      { w.key = o }
func (o IdempotencyKey) applyPut(w *write)        { w.key = o }
func (o IdempotencyKey) applyDelete(w *write)     { w.key = o }
func (o IdempotencyKey) applyTreeDelete(w *write) { w.key = o }

func (o Where) applyTreeDelete(w *write) {
	w.where = api.Where(o)
	if w.where.IsZero() {
		w.err = errNoFilter
	}
}

// write collects the options of one write.
type write struct {
	header http.Header
	query  url.Values
	where  api.Where
	key    IdempotencyKey
	err    error
}

func newWrite() *write { return &write{header: http.Header{}, query: url.Values{}} }

func (w *write) expireIn(d time.Duration) {
	if d <= 0 {
		w.err = errNotPositive
	}
	w.query.Set("expireIn", strconv.FormatInt(millis(d), 10))
}

var (
	errNotPositive = errors.New("ExpireIn is not positive")
	errNoFilter    = errors.New("the filter of Where is empty; leave the option out to delete everything")
)

// Put stores value, anything that encoding/json takes (a json.RawMessage goes as
// it is), and returns the entry's new versionstamp. Without ExpireIn it clears an
// earlier expiry.
//
// A Put whose answer is lost fails and may have been carried out, unless it has an
// IdempotencyKey; see Idempotency for why.
func (c *Client) Put(ctx context.Context, key api.Key, value any, opts ...PutOption) (api.Versionstamp, error) {
	w := newWrite()
	for _, opt := range opts {
		opt.applyPut(w)
	}
	body, err := encodeValue(value)
	if err = errors.Join(w.err, err); err != nil {
		return "", fmt.Errorf("keyval: put: %w", err)
	}
	path, err := keyPath("put", key)
	if err != nil {
		return "", err
	}
	var result api.PutResult
	err = c.write(ctx, call{op: "put", method: http.MethodPut, path: path, body: body}, w, &result)
	return result.Versionstamp, err
}

// Delete removes exactly key and reports whether it existed.
func (c *Client) Delete(ctx context.Context, key api.Key, opts ...DeleteOption) (bool, error) {
	w := newWrite()
	for _, opt := range opts {
		opt.applyDelete(w)
	}
	path, err := keyPath("delete", key)
	if err != nil {
		return false, err
	}
	// Without this, the other dialect would delete everything below key.
	w.query.Set("exact", "true")
	deleted, err := c.deleted(ctx, call{op: "delete", path: path}, w)
	return deleted > 0, err
}

// DeleteTree removes key and everything below it, and returns how many entries
// those were. More than 1,000 go in several commits: if it fails in between, some
// are gone and others are not, and the number says how many are.
func (c *Client) DeleteTree(ctx context.Context, key api.Key, opts ...TreeDeleteOption) (int64, error) {
	w, err := treeDelete("delete tree", opts)
	if err != nil {
		return 0, err
	}
	path, err := keyPath("delete tree", key)
	if err != nil {
		return 0, err
	}
	if !w.where.IsZero() {
		return c.deletedKeys(ctx, "delete tree", w, api.DeleteKeysRequest{Keys: []api.Key{key}, Where: w.where})
	}
	w.query.Set("children", "true")
	return c.deleted(ctx, call{op: "delete tree", path: path}, w)
}

// DeleteAll removes every entry of the database, or every one that matches Where,
// and is like DeleteTree otherwise.
func (c *Client) DeleteAll(ctx context.Context, opts ...TreeDeleteOption) (int64, error) {
	w, err := treeDelete("delete all", opts)
	if err != nil {
		return 0, err
	}
	if !w.where.IsZero() {
		return c.deletedKeys(ctx, "delete all", w, api.DeleteKeysRequest{Where: w.where})
	}
	w.query.Set("all", "true")
	return c.deleted(ctx, call{op: "delete all", path: "/keys"}, w)
}

// DeletePrefix removes everything below prefix, but not prefix itself, and is
// like DeleteTree otherwise. The empty prefix is refused; DeleteAll is for that.
func (c *Client) DeletePrefix(ctx context.Context, prefix api.Key, opts ...TreeDeleteOption) (int64, error) {
	w, err := treeDelete("delete prefix", opts)
	if err != nil {
		return 0, err
	}
	path, err := prefix.Path()
	if err == nil && path == "" {
		err = errors.New("the prefix is empty: use DeleteAll")
	}
	if err != nil {
		return 0, fmt.Errorf("keyval: delete prefix: %w", err)
	}
	w.query.Set("prefix", path)
	if !w.where.IsZero() {
		return c.deletedKeys(ctx, "delete prefix", w, api.DeleteKeysRequest{Where: w.where})
	}
	return c.deleted(ctx, call{op: "delete prefix", path: "/keys"}, w)
}

// DeleteMany removes exactly these keys and returns how many of them existed. It
// is one commit up to 1,000 keys.
func (c *Client) DeleteMany(ctx context.Context, keys []api.Key, opts ...TreeDeleteOption) (int64, error) {
	w, err := treeDelete("delete many", opts)
	if err != nil {
		return 0, err
	}
	return c.deletedKeys(ctx, "delete many", w, api.DeleteKeysRequest{Keys: keys, Exact: true, Where: w.where})
}

func treeDelete(op string, opts []TreeDeleteOption) (*write, error) {
	w := newWrite()
	for _, opt := range opts {
		opt.applyTreeDelete(w)
	}
	if w.err != nil {
		return nil, fmt.Errorf("keyval: %s: %w", op, w.err)
	}
	return w, nil
}

func (c *Client) deleted(ctx context.Context, call call, w *write) (int64, error) {
	call.method = http.MethodDelete
	return c.countDeleted(ctx, call, w)
}

// countDeleted returns how many entries all attempts have removed, also if the last one
// has failed. With an idempotency key the node's own count has those before, too.
func (c *Client) countDeleted(ctx context.Context, call call, w *write) (int64, error) {
	var result api.DeleteResult
	call.removed = new(int64)
	err := c.write(ctx, call, w, &result)
	if err == nil && w.header.Get(api.HeaderIdempotencyKey) != "" {
		return result.DeletedCount, nil
	}
	return *call.removed + result.DeletedCount, err
}

// deletedKeys uses a POST for what has a body: a proxy that drops the body of a
// DELETE, and its filter with it, would delete everything.
func (c *Client) deletedKeys(ctx context.Context, op string, w *write, req api.DeleteKeysRequest) (int64, error) {
	body, err := encodeJSON(req)
	if err != nil {
		return 0, fmt.Errorf("keyval: %s: %w", op, err)
	}
	return c.countDeleted(ctx, call{op: op, method: http.MethodPost, path: "/keys/delete-batch", body: body}, w)
}

// write sends a simple write with its options.
func (c *Client) write(ctx context.Context, call call, w *write, out any) error {
	call.query, call.header = w.query, w.header
	if err := c.makeIdempotent(&call, w.key, c.idempotency == IdempotencyAll); err != nil {
		return err
	}
	return c.do(ctx, call, out)
}

// makeIdempotent gives the call the caller's key, or a new one if automatic, and
// with it the leave to repeat it.
func (c *Client) makeIdempotent(call *call, key IdempotencyKey, automatic bool) error {
	if key == "" {
		if !automatic || c.retry.MaxAttempts == 1 {
			return nil
		}
		made, err := newIdempotencyKey()
		if err != nil {
			return err
		}
		key = IdempotencyKey(made)
	}
	if call.header == nil {
		call.header = http.Header{}
	}
	call.header.Set(api.HeaderIdempotencyKey, string(key))
	call.repeatable = true
	return nil
}

// post sends req as JSON to the route of call and decodes the answer into out.
func (c *Client) post(ctx context.Context, call call, req, out any) error {
	body, err := encodeJSON(req)
	if err != nil {
		return fmt.Errorf("keyval: %s: %w", call.op, err)
	}
	call.method, call.body = http.MethodPost, body
	return c.do(ctx, call, out)
}

// keyPath is the path of key's own route.
func keyPath(op string, key api.Key) (string, error) {
	path, err := key.Path()
	if err == nil && path == "" {
		err = errors.New("the key has no parts")
	}
	if err != nil {
		return "", fmt.Errorf("keyval: %s: %w", op, err)
	}
	return "/keys/" + path, nil
}
