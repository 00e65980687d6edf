package keys

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

var (
	prefixParam = wire.KeyParam{Name: "prefix", Doc: "Selects the keys strictly below it, by whole parts. None: all keys."}
	reverse     = route.BoolParam{Name: "reverse", Doc: "From the last key to the first."}
)

// pageTime is how long a page waits for its matches: short enough for people and proxies.
const pageTime = 2 * time.Second

// A listRequest is what the list routes ask for, in a query or a body.
type listRequest struct {
	wire.Selection
	cursor      string
	where       *filter.Filter // the body's; nil for all
	consistency string         // the body's
}

// listQuery reads a listRequest from the query. Parameters that the route does not
// have are not there.
func listQuery(q route.Query) (req listRequest, err error) {
	req.Selection, err = wire.QuerySelection(q, prefixParam, reverse)
	req.cursor, _ = q.Text(wire.CursorParam.Name)
	return req, err
}

// listBody reads a listRequest from the body, which may have the given members.
func listBody(c *route.Call, allowed route.Members) (listRequest, error) {
	body, err := c.ReadBody()
	if err != nil {
		return listRequest{}, err
	}
	return decodeList(body, allowed)
}

func decodeList(body []byte, allowed route.Members) (listRequest, error) {
	req := listRequest{Selection: wire.NewSelection()}
	err := route.DecodeObject(body, allowed, req.member)
	return req, err
}

func (req *listRequest) member(d *route.Decoder, name string) (err error) {
	switch name {
	case "cursor":
		req.cursor, err = d.Text()
	case "consistency":
		req.consistency, err = wire.DecodeConsistency(d)
	case "where":
		req.where, err = wire.DecodeWhere(d)
	default:
		err = req.Selection.Member(d, name)
	}
	return err
}

// keyRange is the stretch of keys that the request selects, before its cursor.
func (req *listRequest) keyRange(d *route.Dialect) (kv.Range, error) {
	return kv.Select(req.Prefix, req.Start, req.End, d.Original)
}

func (req *listRequest) selector(d *route.Dialect) (kv.Selector, error) {
	r, err := req.keyRange(d)
	if err != nil {
		return kv.Selector{}, err
	}
	if req.cursor != "" {
		last, err := kv.DecodeCursor(req.cursor, req.binding())
		if err != nil {
			return kv.Selector{}, err
		}
		r = r.After(last, req.Reverse)
	}
	return kv.Selector{Range: r, Limit: int(min(req.Limit, wire.MaxListLimit)), Reverse: req.Reverse, Where: req.where}, nil
}

// binding is what a cursor belongs to: everything that selects and orders. Without a
// filter it is what it was before there were filters, so that cursors go on.
func (req *listRequest) binding() []byte {
	var b []byte
	for _, key := range []kv.Key{req.Prefix, req.Start, req.End} {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
	}
	direction := byte(0)
	if req.Reverse {
		direction = 1
	}
	return append(append(b, direction), req.where.Canonical()...)
}

// page reads the list from the store. within is how long a filter may look for matches
// before there is a page of those that it has, 0 for a list, which has no way to say so.
func (k *room) page(ctx context.Context, c *route.Call, req *listRequest, within time.Duration) (kv.Page, error) {
	sel, err := req.selector(c.Dialect)
	if err != nil {
		return kv.Page{}, err
	}
	sel.Within = within
	opts, err := wire.ReadOptions(c, k.DefaultConsistency, req.consistency)
	if err != nil {
		return kv.Page{}, err
	}
	page, err := k.Store.For(c.Grant).List(ctx, sel, opts)
	if err != nil {
		return kv.Page{}, readInTime(c, req, err)
	}
	wire.SetVersionstamp(c, page.Versionstamp)
	return page, c.Reserve(wire.EntriesBytes(page.Entries))
}

// list answers with all that was asked for or with nothing: a list that the byte
// budget cut short has no way to say so.
func (k *room) list(ctx context.Context, c *route.Call, req listRequest) error {
	page, err := k.page(ctx, c, &req, 0)
	if err != nil {
		return err
	}
	if page.More && int64(len(page.Entries)) < min(req.Limit, wire.MaxListLimit) {
		return fmt.Errorf("%w: the answer has more than 64 MiB; use /keys/paginate or a smaller limit", kv.ErrTooLarge)
	}
	c.Out = wire.AppendEntries(c.Out, page.Entries)
	return nil
}

// paginate answers with as much as fits, and where to go on.
func (k *room) paginate(ctx context.Context, c *route.Call, req listRequest) error {
	page, err := k.page(ctx, c, &req, pageTime)
	if err != nil {
		return err
	}
	c.Out = append(c.Out, `{"entries":`...)
	c.Out = wire.AppendEntries(c.Out, page.Entries)
	last := lastKey(&page)
	if !page.More || last == "" {
		c.Out = append(c.Out, `,"cursor":null,"hasMore":false}`...)
		return nil
	}
	c.Out = append(c.Out, `,"cursor":"`...)
	c.Out = append(c.Out, kv.EncodeCursor(last, req.binding())...) // base64url
	c.Out = append(c.Out, `","hasMore":true}`...)
	return nil
}

// lastKey is what the next page comes after: with a filter, the last key that was looked
// at, which need not match.
func lastKey(page *kv.Page) kv.Key {
	switch {
	case page.Last != "":
		return page.Last
	case len(page.Entries) > 0:
		return page.Entries[len(page.Entries)-1].Key
	}
	return ""
}

// readInTime says of a filter that found too little in its time what to do about it.
func readInTime(c *route.Call, req *listRequest, err error) error {
	if req.where == nil || c.Frame.CodeOf(err) != api.Timeout {
		return err
	}
	return &route.Refusal{
		Code: api.Timeout, Hidden: err,
		Text: "the operation timeout passed before the filter had looked at every entry; narrow prefix, start and end, or go from page to page with /keys/paginate",
	}
}
