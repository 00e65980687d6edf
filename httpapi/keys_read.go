package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

const (
	maxBatchKeys = 1000
	// maxKeysBody is room for a thousand keys of the largest size.
	maxKeysBody = 4 << 20
	// maxListBody is room for four such keys.
	maxListBody = 64 << 10
)

// keyReadRoutes are those that read entries.
func (s *Server) keyReadRoutes() []route {
	get := route{
		method: http.MethodGet, pattern: "/keys/*", template: "/keys/{key}", op: "get", tag: "keys", scope: read,
		summary: "Read one entry",
		doc:     "`GET /keys/count` and `GET /keys/paginate` are routes of their own; `~s:count` reaches the key.",
		path:    []param{keyInPath},
		query:   []param{consistencyParam.param()},
		header:  []param{ifMatch, ifNoneMatch, minVersionstamp},
		answers: []answerSpec{
			{status: 200, doc: "The entry.", schema: ref("Entry"), headers: []param{versionstampAnswer, etagAnswer}},
			{status: 304, doc: "`If-None-Match` names the entry's versionstamp.", headers: []param{versionstampAnswer, etagAnswer}},
		},
		errors: append([]api.Code{api.InvalidKey, api.NotFound, api.PreconditionFailed}, readErrors...),
		serve:  s.getKey,
	}
	listParams := []param{
		prefixParam.param(), startParam.param(), endParam.param(), limitParam.param(), reverse.param(),
	}
	listErrors := append([]api.Code{api.InvalidKey, api.InvalidFilter, api.TooLarge}, readErrors...)
	pageErrors := append([]api.Code{api.InvalidCursor}, listErrors...)
	entries := []answerSpec{{status: 200, doc: "The entries in key order.", schema: array(ref("Entry")), headers: []param{versionstampAnswer}}}
	page := []answerSpec{{status: 200, doc: "A page of entries in key order.", schema: ref("Page"), headers: []param{versionstampAnswer}}}
	count := []answerSpec{{status: 200, doc: "How many there are.", schema: ref("Count"), headers: []param{versionstampAnswer}}}
	return []route{
		get,
		{
			method: http.MethodPost, pattern: "/keys/batch", op: "batch", tag: "keys", scope: read,
			summary: "Read up to 1,000 entries by key",
			doc:     "All from one snapshot, in the order of the request; a missing key has `null`s.",
			query:   []param{consistencyParam.param()},
			header:  []param{minVersionstamp},
			body:    &bodySpec{schema: object(batchMembers, "keys"), maxBytes: maxKeysBody},
			answers: []answerSpec{{status: 200, doc: "The entries in request order.", schema: array(ref("EntryOrMissing")), headers: []param{versionstampAnswer}}},
			errors:  listErrors,
			serve:   s.batch,
		},
		{
			method: http.MethodGet, pattern: "/keys", op: "list", tag: "keys", scope: read,
			summary: "List entries",
			query:   append(listParams[:len(listParams):len(listParams)], consistencyParam.param()),
			header:  []param{minVersionstamp},
			answers: entries, errors: listErrors,
			serve: func(ctx context.Context, c *call) error {
				req, err := c.listQuery()
				if err != nil {
					return err
				}
				return c.list(ctx, req)
			},
		},
		{
			method: http.MethodPost, pattern: "/keys/list", op: "list", alias: "body", tag: "keys", scope: read,
			summary: "List entries, asked for in a body",
			query:   []param{consistencyParam.param()},
			header:  []param{minVersionstamp},
			body:    &bodySpec{schema: object(listMembers), maxBytes: maxListBody},
			answers: entries, errors: listErrors,
			serve: func(ctx context.Context, c *call) error {
				req, err := c.listBody(listMembers)
				if err != nil {
					return err
				}
				return c.list(ctx, req)
			},
		},
		{
			method: http.MethodGet, pattern: "/keys/paginate", op: "paginate", tag: "keys", scope: read,
			summary: "List entries page by page",
			query:   append(listParams[:len(listParams):len(listParams)], cursorParam.param(), consistencyParam.param()),
			header:  []param{minVersionstamp},
			answers: page, errors: pageErrors,
			serve: func(ctx context.Context, c *call) error {
				req, err := c.listQuery()
				if err != nil {
					return err
				}
				return c.paginate(ctx, req)
			},
		},
		{
			method: http.MethodPost, pattern: "/keys/paginate", op: "paginate", alias: "body", tag: "keys", scope: read,
			summary: "List entries page by page, asked for in a body",
			query:   []param{consistencyParam.param()},
			header:  []param{minVersionstamp},
			body:    &bodySpec{schema: object(paginateMembers), maxBytes: maxListBody},
			answers: page, errors: pageErrors,
			serve: func(ctx context.Context, c *call) error {
				req, err := c.listBody(paginateMembers)
				if err != nil {
					return err
				}
				return c.paginate(ctx, req)
			},
		},
		{
			method: http.MethodGet, pattern: "/keys/count", op: "count", tag: "keys", scope: read,
			summary: "Count entries",
			query:   []param{prefixParam.param(), consistencyParam.param()},
			header:  []param{minVersionstamp},
			answers: count, errors: listErrors,
			serve: func(ctx context.Context, c *call) error {
				req, err := c.listQuery()
				if err != nil {
					return err
				}
				return c.count(ctx, req)
			},
		},
		{
			method: http.MethodPost, pattern: "/keys/count", op: "count", alias: "body", tag: "keys", scope: read,
			summary: "Count entries, asked for in a body",
			query:   []param{consistencyParam.param()},
			header:  []param{minVersionstamp},
			body:    &bodySpec{schema: object(countMembers), maxBytes: maxListBody},
			answers: count, errors: listErrors,
			serve: func(ctx context.Context, c *call) error {
				req, err := c.listBody(countMembers)
				if err != nil {
					return err
				}
				return c.count(ctx, req)
			},
		},
	}
}

// readErrors are what any read may answer with.
var readErrors = []api.Code{api.TooManyRequests, api.Unavailable, api.Timeout}

// The members of the bodies.
var (
	batchMembers = members{
		"keys":        {Type: "array", Items: ref("Key"), MinItems: 1, MaxItems: maxBatchKeys},
		"consistency": ref("Consistency"),
	}
	countMembers = members{
		"prefix":      ref("Prefix"),
		"start":       ref("Prefix"),
		"end":         ref("Prefix"),
		"where":       ref("Where"),
		"consistency": ref("Consistency"),
	}
	listMembers = members{
		"prefix":      ref("Prefix"),
		"start":       ref("Prefix"),
		"end":         ref("Prefix"),
		"limit":       limitParam.param().schema,
		"reverse":     boolean("From the last key to the first."),
		"where":       ref("Where"),
		"consistency": ref("Consistency"),
	}
	paginateMembers = listMembers.and("cursor", &schema{Type: []string{"string", "null"}, Description: cursorParam.doc})
)

func (s *Server) getKey(ctx context.Context, c *call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	condition, err := c.precondition()
	if err != nil {
		return err
	}
	opts, err := c.readOptions()
	if err != nil {
		return err
	}
	entries, position, err := s.cfg.Store.Get(ctx, []kv.Key{key}, opts)
	if err != nil {
		return err
	}
	if err := c.reserve(entriesBytes(entries)); err != nil {
		return err
	}
	c.setVersionstamp(position)
	e := &entries[0]
	if !e.Exists() {
		return fmt.Errorf("%w: there is no entry with this key", kv.ErrNotFound)
	}
	c.setHeader("Etag", etag(e.Versionstamp))
	switch {
	case condition == nil || condition.Holds(true, e.Versionstamp):
		c.out = appendEntry(c.out, e)
	case condition.Match != nil && !(&kv.Precondition{Match: condition.Match}).Holds(true, e.Versionstamp):
		return kv.ErrPreconditionFailed
	default:
		c.status = http.StatusNotModified
	}
	return nil
}

func (s *Server) batch(ctx context.Context, c *call) error {
	keys, consistency, err := c.batchBody()
	if err != nil {
		return err
	}
	opts, err := c.readOptionsFor(consistency)
	if err != nil {
		return err
	}
	entries, position, err := s.cfg.Store.Get(ctx, keys, opts)
	if err != nil {
		return err
	}
	if err := c.reserve(entriesBytes(entries)); err != nil {
		return err
	}
	c.setVersionstamp(position)
	c.out = appendEntries(c.out, entries)
	return nil
}

func (c *call) batchBody() (keys []kv.Key, consistency string, err error) {
	body, err := c.body()
	if err != nil {
		return nil, "", err
	}
	err = decodeObject(body, batchMembers, func(d *decoder, name string) (err error) {
		switch name {
		case "keys":
			keys, err = d.keys(maxBatchKeys)
		case "consistency":
			consistency, err = d.consistency()
		}
		return err
	})
	if err == nil && len(keys) == 0 {
		err = invalidArgument("keys must name 1 to %d keys", maxBatchKeys)
	}
	return keys, consistency, err
}

func (c *call) count(ctx context.Context, req listRequest) error {
	r, err := req.keyRange(c.dialect)
	if err != nil {
		return err
	}
	opts, err := c.readOptionsFor(req.consistency)
	if err != nil {
		return err
	}
	n, position, err := c.server.cfg.Store.Count(ctx, r, opts)
	if err != nil {
		return err
	}
	c.setVersionstamp(position)
	c.out = append(c.out, `{"count":`...)
	c.out = strconv.AppendInt(c.out, n, 10)
	c.out = append(c.out, '}')
	return nil
}
