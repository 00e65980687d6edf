package workload

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/bench/conn"
	"github.com/buntime/keyval/httpapi/api"
)

// caller is what every worker has: a connection, randomness, and buffers for what it asks.
type caller struct {
	*place
	conn   *conn.Conn
	rand   *rand.Rand
	target []byte
	body   []byte
}

// caller returns that of the i-th worker, at its endpoint.
func (p *place) caller(ctx context.Context, i int) (caller, error) {
	c, err := p.dial(ctx, p.endpoint(i))
	return caller{place: p, conn: c, rand: p.random(i)}, err
}

// random is the i-th worker's.
func (p *place) random(i int) *rand.Rand { return rand.New(rand.NewPCG(p.Seed, uint64(i))) }

func (p *place) dial(ctx context.Context, url string) (*conn.Conn, error) {
	header := http.Header{}
	if p.Token != "" {
		header.Set("Authorization", "Bearer "+p.Token)
	}
	return conn.Open(ctx, conn.Config{URL: url, Header: header, TLS: p.TLS})
}

// Close closes the connection.
func (c *caller) Close() error { return c.conn.Close() }

// get reads target.
func (c *caller) get(ctx context.Context) (*conn.Answer, error) {
	return ofNode(c.conn.Do(ctx, http.MethodGet, string(c.target), nil, nil))
}

// post sends body to a route.
func (c *caller) post(ctx context.Context, route string) (*conn.Answer, error) {
	return ofNode(c.conn.Do(ctx, http.MethodPost, route, nil, c.body))
}

// put writes body to target.
func (c *caller) put(ctx context.Context) (*conn.Answer, error) {
	return ofNode(c.conn.Do(ctx, http.MethodPut, string(c.target), nil, c.body))
}

// succeed makes an error of an answer that is none of success.
func succeed(answer *conn.Answer, err error) (*conn.Answer, error) {
	if err == nil && answer.Status/100 != 2 {
		return nil, refusal(answer)
	}
	return answer, err
}

// ofNode makes an error of a success, too, that no node has told of: one of whatever stands
// before it would pass for speed. Every answer of a node to a read or a commit has a position.
func ofNode(answer *conn.Answer, err error) (*conn.Answer, error) {
	if answer, err = succeed(answer, err); err == nil && !answer.Has(api.HeaderVersionstamp) {
		return nil, errMalformed
	}
	return answer, err
}

// aimAt makes the n-th key the target.
func (c *caller) aimAt(n int) {
	c.target = append(append(c.target[:0], "/keys/"...), c.path...)
	c.target = strconv.AppendInt(append(c.target, '/'), int64(n), 10)
}

// aimToRead makes the n-th key the target, as consistently as it is to be read.
func (c *caller) aimToRead(n int) {
	c.aimAt(n)
	if c.reading != "" {
		c.target = append(append(c.target, '?'), c.reading...)
	}
}

// read gets the n-th key.
func (c *caller) read(ctx context.Context, n int) (*conn.Answer, error) {
	c.aimToRead(n)
	return c.get(ctx)
}

// write puts a value to the n-th key.
func (c *caller) write(ctx context.Context, n int) (*conn.Answer, error) {
	c.aimAt(n)
	c.body = sizes(c.ValueBytes).plain(c.body[:0], c.rand, n)
	return c.put(ctx)
}

// scan lists up to limit entries from the n-th key on, which is there.
func (c *caller) scan(ctx context.Context, n, limit int) error {
	c.target = append(append(c.target[:0], "/keys?prefix="...), c.query...)
	c.target = append(append(c.target, "&start="...), c.query...)
	c.target = strconv.AppendInt(append(c.target, "%2F"...), int64(n), 10)
	c.target = strconv.AppendInt(append(c.target, "&limit="...), int64(limit), 10)
	if c.reading != "" {
		c.target = append(append(c.target, '&'), c.reading...)
	}
	return notEmpty(c.get(ctx))
}

// notEmpty refuses a list of nothing.
func notEmpty(answer *conn.Answer, err error) error {
	if err == nil && len(answer.Body) <= len("[]") {
		return errEmpty
	}
	return err
}

// setChecked sets the n-th key if its versionstamp is this, or if it does not exist for an
// empty one. A check that fails is errConflict, with the answer.
func (c *caller) setChecked(ctx context.Context, n int, versionstamp []byte) (*conn.Answer, error) {
	c.body = c.appendKey(append(c.body[:0], `{"checks":[{"key":`...), n)
	if c.body = append(c.body, `,"versionstamp":`...); len(versionstamp) == 0 {
		c.body = append(c.body, "null"...)
	} else {
		c.body = append(append(append(c.body, '"'), versionstamp...), '"')
	}
	c.body = c.appendKey(append(c.body, `}],"mutations":[{"type":"set","key":`...), n)
	c.body = sizes(c.ValueBytes).plain(append(c.body, `,"value":`...), c.rand, n)
	c.body = append(c.body, `}]}`...)
	answer, err := succeed(c.conn.Do(ctx, http.MethodPost, "/atomic", nil, c.body))
	if err == nil && bytes.HasPrefix(answer.Body, []byte(`{"ok":false`)) {
		return answer, errConflict
	}
	return ofNode(answer, err)
}

// appendKey appends the n-th key as JSON.
func (p *place) appendKey(b []byte, n int) []byte {
	b = append(append(b, p.json...), ',')
	return append(strconv.AppendInt(b, int64(n), 10), ']')
}

// member returns the text of the first member of this name, nil if there is none. It is for
// answers in which names and ids need no escapes, and decodes nothing else of them.
func member(body []byte, name string) []byte {
	for rest := body; ; {
		i := bytes.Index(rest, []byte(name))
		if i < 0 {
			return nil
		}
		before, after := rest[:i], rest[i+len(name):]
		if text, ok := bytes.CutPrefix(after, []byte(`":"`)); ok && bytes.HasSuffix(before, []byte(`"`)) {
			text, _, _ = bytes.Cut(text, []byte(`"`))
			return text
		}
		rest = after
	}
}
