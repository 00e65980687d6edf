package httpapi

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/buntime/keyval/kv"
)

const maxListLimit = 1000

var (
	prefixParam = keyParam{name: "prefix", doc: "Selects the keys strictly below it, by whole parts. None: all keys.", prefix: true}
	startParam  = keyParam{name: "start", doc: "The first key, inclusive; at or below the prefix.", prefix: true}
	endParam    = keyParam{name: "end", doc: "The last key, exclusive; at or below the prefix.", prefix: true}
	limitParam  = intParam{name: "limit", doc: "How many entries at most; above 1000 means 1000.", min: 1, def: 100, hasDefault: true}
	reverse     = boolParam{name: "reverse", doc: "From the last key to the first."}
	cursorParam = textParam{name: "cursor", doc: "The `cursor` of the page before, of a request that is otherwise the same."}
)

// A listRequest is what the list routes ask for, in a query or a body.
type listRequest struct {
	prefix, start, end kv.Key
	limit              int64
	reverse            bool
	cursor             string
	consistency        string // the body's
}

// listQuery reads a listRequest from the query. Parameters that the route does not
// have are not there.
func (c *call) listQuery() (req listRequest, err error) {
	if req.prefix, err = prefixParam.get(c.query); err != nil {
		return req, err
	}
	if req.start, err = startParam.get(c.query); err != nil {
		return req, err
	}
	if req.end, err = endParam.get(c.query); err != nil {
		return req, err
	}
	if req.limit, err = limitParam.get(c.query); err != nil {
		return req, err
	}
	if req.reverse, _, err = reverse.get(c.query); err != nil {
		return req, err
	}
	req.cursor, _ = c.query.text(cursorParam.name)
	return req, nil
}

// listBody reads a listRequest from the body, which may have the given members.
func (c *call) listBody(allowed members) (listRequest, error) {
	req := listRequest{limit: limitParam.def}
	body, err := c.body()
	if err != nil {
		return req, err
	}
	return req, decodeObject(body, allowed, req.member)
}

func (req *listRequest) member(d *decoder, name string) (err error) {
	switch name {
	case "prefix":
		req.prefix, err = d.prefix()
	case "start":
		req.start, err = d.prefix()
	case "end":
		req.end, err = d.prefix()
	case "limit":
		req.limit, err = d.integer(limitParam)
	case "reverse":
		req.reverse, err = d.boolean()
	case "cursor":
		req.cursor, err = d.text()
	case "consistency":
		req.consistency, err = d.consistency()
	case "where":
		err = errNoFilters
	}
	return err
}

// errNoFilters refuses a filter, rather than answer as if there were none.
var errNoFilters = fmt.Errorf("%w: where is not available in this version", kv.ErrInvalidArgument)

// keyRange is the stretch of keys that the request selects, before its cursor.
func (req *listRequest) keyRange(d *dialect) (kv.Range, error) {
	return kv.Select(req.prefix, req.start, req.end, d.original)
}

func (req *listRequest) selector(d *dialect) (kv.Selector, error) {
	r, err := req.keyRange(d)
	if err != nil {
		return kv.Selector{}, err
	}
	if req.cursor != "" {
		last, err := kv.DecodeCursor(req.cursor, req.binding())
		if err != nil {
			return kv.Selector{}, err
		}
		r = r.After(last, req.reverse)
	}
	return kv.Selector{Range: r, Limit: int(min(req.limit, maxListLimit)), Reverse: req.reverse}, nil
}

// binding is what a cursor belongs to: everything that selects and orders.
func (req *listRequest) binding() []byte {
	var b []byte
	for _, key := range []kv.Key{req.prefix, req.start, req.end} {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
	}
	if req.reverse {
		return append(b, 1)
	}
	return append(b, 0)
}

// page reads the list from the store.
func (c *call) page(ctx context.Context, req *listRequest) (kv.Page, error) {
	sel, err := req.selector(c.dialect)
	if err != nil {
		return kv.Page{}, err
	}
	opts, err := c.readOptionsFor(req.consistency)
	if err != nil {
		return kv.Page{}, err
	}
	page, err := c.server.cfg.Store.List(ctx, sel, opts)
	if err != nil {
		return kv.Page{}, err
	}
	c.setVersionstamp(page.Versionstamp)
	return page, c.reserve(entriesBytes(page.Entries))
}

// list answers with all that was asked for or with nothing: a list that the byte
// budget cut short has no way to say so.
func (c *call) list(ctx context.Context, req listRequest) error {
	page, err := c.page(ctx, &req)
	if err != nil {
		return err
	}
	if page.More && int64(len(page.Entries)) < min(req.limit, maxListLimit) {
		return fmt.Errorf("%w: the answer has more than 64 MiB; use /keys/paginate or a smaller limit", kv.ErrTooLarge)
	}
	c.out = appendEntries(c.out, page.Entries)
	return nil
}

// paginate answers with as much as fits, and where to go on.
func (c *call) paginate(ctx context.Context, req listRequest) error {
	page, err := c.page(ctx, &req)
	if err != nil {
		return err
	}
	c.out = append(c.out, `{"entries":`...)
	c.out = appendEntries(c.out, page.Entries)
	if !page.More || len(page.Entries) == 0 {
		c.out = append(c.out, `,"cursor":null,"hasMore":false}`...)
		return nil
	}
	last := page.Entries[len(page.Entries)-1].Key
	c.out = append(c.out, `,"cursor":"`...)
	c.out = append(c.out, kv.EncodeCursor(last, req.binding())...) // base64url
	c.out = append(c.out, `","hasMore":true}`...)
	return nil
}
