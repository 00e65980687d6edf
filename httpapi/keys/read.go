package keys

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
)

const (
	maxBatchKeys = 1000
	// maxKeysBody is room for a thousand keys of the largest size.
	maxKeysBody = 4 << 20
	// maxListBody is room for four such keys and a filter.
	maxListBody = 64<<10 + wire.MaxWhereBytes
)

// keyReadRoutes are those that read entries.
func (k *room) keyReadRoutes() []route.Route {
	get := route.Route{
		Method: http.MethodGet, Pattern: "/keys/*", Template: "/keys/{key}", Op: "get", Tag: tagKeys, Scope: access.Read,
		Summary: "Read one entry",
		Doc:     "`GET /keys/count` and `GET /keys/paginate` are routes of their own; `~s:count` reaches the key.",
		Path:    []route.Param{wire.KeyInPath},
		Query:   []route.Param{wire.ConsistencyParam.Param()},
		Header:  []route.Param{wire.IfMatch, wire.IfNoneMatch, wire.MinVersionstamp},
		Answers: []route.Answer{
			{Status: 200, Doc: "The entry.", Schema: route.Ref("Entry"), Headers: []route.Param{wire.VersionstampAnswer, wire.ETagAnswer}},
			{Status: 304, Doc: "`If-None-Match` names the entry's versionstamp.", Headers: []route.Param{wire.VersionstampAnswer, wire.ETagAnswer}},
		},
		Errors: append([]api.Code{api.InvalidKey, api.NotFound, api.PreconditionFailed}, wire.ReadErrors...),
		Serve:  k.getKey,
	}
	batch := route.Route{
		Method: http.MethodPost, Pattern: "/keys/batch", Op: "batch", Tag: tagKeys, Scope: access.Read,
		Summary: "Read up to 1,000 entries by key",
		Doc:     "All from one snapshot, in the order of the request; a missing key has `null`s.",
		Query:   []route.Param{wire.ConsistencyParam.Param()},
		Header:  []route.Param{wire.MinVersionstamp},
		Body:    &route.Body{Schema: route.Object(batchMembers, "keys"), MaxBytes: maxKeysBody},
		Answers: []route.Answer{{Status: 200, Doc: "The entries in request order.", Schema: route.Array(route.Ref("EntryOrMissing")), Headers: []route.Param{wire.VersionstampAnswer}}},
		Errors:  listErrors,
		Serve:   k.batch,
	}
	return append([]route.Route{get, batch}, k.listRoutes()...)
}

var listErrors = append([]api.Code{api.InvalidKey, api.InvalidFilter, api.TooLarge}, wire.ReadErrors...)

// listRoutes are those that select entries, each twice: asked for in the query and in
// a body.
func (k *room) listRoutes() []route.Route {
	listParams := []route.Param{
		prefixParam.Param(), wire.StartParam.Param(), wire.EndParam.Param(), wire.LimitParam.Param(), reverse.Param(),
	}
	list, page, count := listing("list", "List entries"), listing("paginate", "List entries page by page"), listing("count", "Count entries")
	list.Answers = inOneSnapshot("The entries in key order.", route.Array(route.Ref("Entry")))
	page.Answers = inOneSnapshot("A page of entries in key order.", route.Ref("Page"))
	page.Errors = append([]api.Code{api.InvalidCursor}, listErrors...)
	count.Answers = inOneSnapshot("How many there are.", route.Ref("Count"))
	return slices.Concat(
		bothWays(list, "/keys", "/keys/list", listParams, listMembers, k.list),
		bothWays(page, "/keys/paginate", "/keys/paginate", append(listParams, wire.CursorParam.Param()), paginateMembers, k.paginate),
		bothWays(count, "/keys/count", "/keys/count", []route.Param{prefixParam.Param()}, countMembers, k.count),
	)
}

func listing(op, summary string) route.Route {
	return route.Route{
		Op: op, Tag: tagKeys, Scope: access.Read, Summary: summary,
		Header: []route.Param{wire.MinVersionstamp}, Errors: listErrors,
	}
}

func inOneSnapshot(doc string, schema *route.Schema) []route.Answer {
	return []route.Answer{{Status: 200, Doc: doc, Schema: schema, Headers: []route.Param{wire.VersionstampAnswer}}}
}

// bothWays completes a route that is asked for in the query, and the same for a body.
func bothWays(
	row route.Route, get, post string, params []route.Param, body route.Members,
	serve func(context.Context, *route.Call, listRequest) error,
) []route.Route {
	query, inBody := row, row
	query.Method, query.Pattern = http.MethodGet, get
	query.Query = append(slices.Clip(params), wire.ConsistencyParam.Param())
	query.Serve = func(ctx context.Context, c *route.Call) error {
		req, err := listQuery(c.Query)
		if err != nil {
			return err
		}
		return serve(ctx, c, req)
	}
	inBody.Method, inBody.Pattern, inBody.Alias = http.MethodPost, post, "body"
	inBody.Summary += ", asked for in a body"
	inBody.Query = []route.Param{wire.ConsistencyParam.Param()}
	inBody.Body = &route.Body{Schema: route.Object(body), MaxBytes: maxListBody}
	inBody.Serve = func(ctx context.Context, c *route.Call) error {
		req, err := listBody(c, body)
		if err != nil {
			return err
		}
		return serve(ctx, c, req)
	}
	return []route.Route{query, inBody}
}

// The members of the bodies.
var (
	batchMembers = route.Members{
		"keys":        {Type: "array", Items: route.Ref("Key"), MinItems: 1, MaxItems: maxBatchKeys},
		"consistency": route.Ref("Consistency"),
	}
	countMembers = route.Members{
		"prefix":      route.Ref("Prefix"),
		"start":       route.Ref("Bound"),
		"end":         route.Ref("Bound"),
		"where":       route.Ref("Where"),
		"consistency": route.Ref("Consistency"),
	}
	listMembers = route.Members{
		"prefix":      route.Ref("Prefix"),
		"start":       route.Ref("Bound"),
		"end":         route.Ref("Bound"),
		"limit":       wire.LimitParam.Param().Schema,
		"reverse":     route.Boolean("From the last key to the first."),
		"where":       route.Ref("Where"),
		"consistency": route.Ref("Consistency"),
	}
	paginateMembers = listMembers.And("cursor", &route.Schema{Type: []string{"string", "null"}, Description: wire.CursorParam.Doc})
)

func (k *room) getKey(ctx context.Context, c *route.Call) error {
	key, err := wire.PathKey(c)
	if err != nil {
		return err
	}
	condition, err := wire.Precondition(c)
	if err != nil {
		return err
	}
	opts, err := wire.ReadOptions(c, k.DefaultConsistency, "")
	if err != nil {
		return err
	}
	entries, position, err := k.Store.For(c.Grant).Get(ctx, []kv.Key{key}, opts)
	if err != nil {
		return err
	}
	if err := c.Reserve(wire.EntriesBytes(entries)); err != nil {
		return err
	}
	wire.SetVersionstamp(c, position)
	e := &entries[0]
	if !e.Exists() {
		return fmt.Errorf("%w: there is no entry with this key", kv.ErrNotFound)
	}
	c.SetHeader("Etag", wire.ETag(e.Versionstamp))
	switch {
	case condition == nil || condition.Holds(true, e.Versionstamp):
		c.Out = wire.AppendEntry(c.Out, e)
	case condition.Match != nil && !(&kv.Precondition{Match: condition.Match}).Holds(true, e.Versionstamp):
		return kv.ErrPreconditionFailed
	default:
		c.Status = http.StatusNotModified
	}
	return nil
}

func (k *room) batch(ctx context.Context, c *route.Call) error {
	keys, consistency, err := batchBody(c)
	if err != nil {
		return err
	}
	opts, err := wire.ReadOptions(c, k.DefaultConsistency, consistency)
	if err != nil {
		return err
	}
	entries, position, err := k.Store.For(c.Grant).Get(ctx, keys, opts)
	if err != nil {
		return err
	}
	if err := c.Reserve(wire.EntriesBytes(entries)); err != nil {
		return err
	}
	wire.SetVersionstamp(c, position)
	c.Out = wire.AppendEntries(c.Out, entries)
	return nil
}

func batchBody(c *route.Call) (keys []kv.Key, consistency string, err error) {
	body, err := c.ReadBody()
	if err != nil {
		return nil, "", err
	}
	err = route.DecodeObject(body, batchMembers, func(d *route.Decoder, name string) (err error) {
		switch name {
		case "keys":
			keys, err = wire.DecodeKeys(d, maxBatchKeys)
		case "consistency":
			consistency, err = wire.DecodeConsistency(d)
		}
		return err
	})
	if err == nil && len(keys) == 0 {
		err = route.InvalidArgument("keys must name 1 to %d keys", maxBatchKeys)
	}
	return keys, consistency, err
}

func (k *room) count(ctx context.Context, c *route.Call, req listRequest) error {
	r, err := req.keyRange(c.Dialect)
	if err != nil {
		return err
	}
	opts, err := wire.ReadOptions(c, k.DefaultConsistency, req.consistency)
	if err != nil {
		return err
	}
	n, position, err := k.Store.For(c.Grant).Count(ctx, r, req.where, opts)
	if err != nil {
		return readInTime(c, &req, err)
	}
	wire.SetVersionstamp(c, position)
	c.Out = append(c.Out, `{"count":`...)
	c.Out = strconv.AppendInt(c.Out, n, 10)
	c.Out = append(c.Out, '}')
	return nil
}
