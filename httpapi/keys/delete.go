package keys

import (
	"context"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

// maxDeleteKeys is how many keys the body of a delete may name; how many entries are
// below them has no limit.
const maxDeleteKeys = 1000

var (
	exactParam    = route.BoolParam{Name: "exact", Doc: "Delete just this key. This is what `/` does without being told, unless there is a filter."}
	childrenParam = route.BoolParam{Name: "children", Doc: "Delete this key and everything below it. This is what the base path does without being told, and `/` where there is a filter."}
	allParam      = route.BoolParam{Name: "all", Doc: "Delete every entry of the database, or every one that matches the filter."}
)

// The members of the bodies.
var (
	deleteKeyMembers = route.Members{
		"exact": route.Boolean("As the parameter of that name."),
		"where": route.Ref("Where"),
	}
	deleteKeysMembers = route.Members{
		"keys":  {Type: "array", Items: route.Ref("Key"), MinItems: 1, MaxItems: maxDeleteKeys},
		"exact": route.Boolean("Delete just these keys, not what is below them."),
		"where": route.Ref("Where"),
	}
)

// keyDeleteRoutes are those that delete entries.
func (k *room) keyDeleteRoutes() []route.Route {
	deleted := []route.Answer{{
		Status: 200, Doc: "How many entries there were.", Schema: route.Ref("Deleted"), Headers: []route.Param{wire.VersionstampAnswer, wire.Replayed},
	}}
	errors := append([]api.Code{api.InvalidKey, api.InvalidJSON, api.InvalidFilter, api.TooLarge}, wire.WriteErrors...)
	return []route.Route{
		{
			Method: http.MethodDelete, Pattern: "/keys/*", Template: "/keys/{key}", Op: "delete", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Delete an entry, or an entry and everything below it",
			Doc:     "With a `where` it deletes what matches at and below the key, or with `exact` the entry if it matches. That takes the scope of reading, too.",
			Path:    []route.Param{wire.KeyInPath},
			Query:   []route.Param{exactParam.Param(), childrenParam.Param()},
			Header:  []route.Param{wire.IfMatch, wire.IfNoneMatch, wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(deleteKeyMembers), Optional: true, MaxBytes: maxListBody},
			Answers: deleted,
			Errors:  append([]api.Code{api.PreconditionFailed}, errors...),
			Serve:   k.deleteKey,
		},
		{
			Method: http.MethodDelete, Pattern: "/keys", Op: "delete", Alias: "many", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Delete what is below a prefix, many keys, or what matches a filter",
			Doc:     "`prefix` deletes what `GET /keys?prefix=` lists, without limit; a `where` in the body leaves of it what does not match, and without `prefix` is for the whole database. The body may name keys instead. More than 1,000 entries are deleted 1,000 at a time, each batch being a commit of its own.",
			Query:   []route.Param{prefixParam.Param(), allParam.Param()},
			Header:  []route.Param{wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(deleteKeysMembers), Optional: true, MaxBytes: maxKeysBody},
			Answers: deleted, Errors: errors,
			Serve: k.deleteMany,
		},
		{
			Method: http.MethodPost, Pattern: "/keys/delete-batch", Op: "delete", Alias: "batch", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Delete many keys, or what matches a filter",
			Doc:     "For clients that send no body with `DELETE`, and behind proxies that drop it: a `DELETE` by `prefix` that has lost its filter would delete everything.",
			Query:   []route.Param{prefixParam.Param()},
			Header:  []route.Param{wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(deleteKeysMembers), MaxBytes: maxKeysBody},
			Answers: deleted, Errors: errors,
			Serve: k.deleteMany,
		},
	}
}

// A deleteKeyRequest is what the query and the body of the delete of a key ask for.
type deleteKeyRequest struct {
	key    kv.Key
	exact  bool // just the key, or what is below it, too
	where  *filter.Filter
	checks []kv.Check // of If-Match and If-None-Match
}

func (k *room) deleteKey(ctx context.Context, c *route.Call) error {
	req, err := decodeDeleteKey(c)
	if err != nil {
		return err
	}
	switch {
	case !req.exact && len(req.checks) > 0:
		return route.InvalidArgument("If-Match and If-None-Match need exact=true")
	case !req.exact:
		return k.deleteAll(ctx, c, kv.DeleteRequest{Ranges: []kv.Range{atAndBelow(req.key)}, Where: req.where})
	case req.where == nil:
		return k.deleteExact(ctx, c, req.key, req.checks)
	case len(req.checks) > 0:
		return k.deleteMatching(ctx, c, &req)
	}
	return k.deleteAll(ctx, c, kv.DeleteRequest{Keys: []kv.Key{req.key}, Where: req.where})
}

func decodeDeleteKey(c *route.Call) (req deleteKeyRequest, err error) {
	if req.key, err = wire.PathKey(c); err != nil {
		return req, err
	}
	said, err := exactQuery(c.Query)
	if err != nil {
		return req, err
	}
	body, err := c.ReadBody()
	if err != nil {
		return req, err
	}
	if len(body) > 0 {
		err = route.DecodeObject(body, deleteKeyMembers, func(d *route.Decoder, name string) (err error) {
			switch name {
			case "exact":
				exact, err := d.Boolean()
				said = append(said, exact)
				return err
			case "where":
				req.where, err = wire.DecodeWhere(d)
			}
			return err
		})
		if err != nil {
			return req, err
		}
	}
	// A filter is of what is at and below a key, in both dialects.
	if req.exact, err = agreed(said, !c.Dialect.Original && req.where == nil); err != nil {
		return req, err
	}
	req.checks, err = wire.Checks(c, req.key)
	return req, err
}

// exactQuery is what the query says of whether just the key goes.
func exactQuery(q route.Query) (said []bool, err error) {
	exact, given, err := exactParam.Get(q)
	if err != nil {
		return nil, err
	}
	if given {
		said = append(said, exact)
	}
	children, given, err := childrenParam.Get(q)
	if given {
		said = append(said, !children)
	}
	return said, err
}

// agreed is what all have said, or else unsaid.
func agreed(said []bool, unsaid bool) (bool, error) {
	if len(said) == 0 {
		return unsaid, nil
	}
	for _, other := range said {
		if other != said[0] {
			return false, route.InvalidArgument("exact and children contradict each other")
		}
	}
	return said[0], nil
}

func (k *room) deleteExact(ctx context.Context, c *route.Call, key kv.Key, checks []kv.Check) error {
	_, err := k.commit(ctx, c, deleteOf(key, checks), appendAtomicDeleted)
	return err
}

func deleteOf(key kv.Key, checks []kv.Check) kv.AtomicRequest {
	return kv.AtomicRequest{Checks: checks, Mutations: []kv.Mutation{{Type: kv.MutationDelete, Key: key}}}
}

// deleteMatching deletes a key whose version is as the request wants it, if its value
// matches. What was looked at is what is deleted: it looks again where somebody else
// was faster.
func (k *room) deleteMatching(ctx context.Context, c *route.Call, req *deleteKeyRequest) error {
	if err := c.Grant.Need(access.Read); err != nil {
		return err
	}
	store := k.Store.For(c.Grant)
	for {
		page, err := store.List(ctx, kv.Selector{Range: kv.KeyRange(req.key), Limit: 1, Where: req.where}, kv.ReadOptions{Consistency: kv.Strong})
		if err != nil {
			return err
		}
		if len(page.Entries) == 0 {
			_, err := k.commit(ctx, c, kv.AtomicRequest{Checks: req.checks}, appendAtomicDeleted)
			return err
		}
		if err := c.Claim(wire.EntriesBytes(page.Entries)); err != nil {
			return err
		}
		asSeen := kv.Check{Key: req.key, Versionstamp: page.Entries[0].Versionstamp}
		result, err := wire.Commit(ctx, c, store, deleteOf(req.key, append(req.checks[:1:1], asSeen)), appendAtomicDeleted)
		if err != nil || result.OK {
			return err
		}
		if now := result.Conflicts[0].Versionstamp; !req.checks[0].Precondition.Holds(now != "", now) {
			return kv.ErrPreconditionFailed
		}
	}
}

func appendAtomicDeleted(dst []byte, result kv.AtomicResult) []byte {
	return appendDeleted(dst, result.Deleted)
}

func appendDeleted(dst []byte, n int64) []byte {
	dst = append(dst, `{"success":true,"deletedCount":`...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '}')
}

// deleteAll deletes without limit.
func (k *room) deleteAll(ctx context.Context, c *route.Call, req kv.DeleteRequest) error {
	var err error
	if req.Idempotency, err = wire.Idempotency(c); err != nil {
		return err
	}
	result, err := k.Store.For(c.Grant).Delete(ctx, req)
	wire.SetVersionstamp(c, result.Versionstamp)
	if err != nil {
		return c.DeletedOnly(result.Deleted, "entries", err)
	}
	if result.Replayed {
		c.SetHeader(api.HeaderIdempotencyReplayed, "true")
	}
	c.Out = appendDeleted(c.Out, result.Deleted)
	return nil
}

// A deleteManyRequest is what the query and the body of a delete of many entries ask for.
type deleteManyRequest struct {
	prefix   kv.Key
	all      bool
	keys     []kv.Key
	hasKeys  bool
	exact    bool
	hasExact bool
	where    *filter.Filter
}

func (k *room) deleteMany(ctx context.Context, c *route.Call) error {
	req, err := decodeDeleteMany(c)
	if err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	if req.everything() {
		c.Administrative()
	}
	return k.deleteAll(ctx, c, req.deletes())
}

func decodeDeleteMany(c *route.Call) (req deleteManyRequest, err error) {
	if req.prefix, err = prefixParam.Get(c.Query); err != nil {
		return req, err
	}
	if req.all, _, err = allParam.Get(c.Query); err != nil {
		return req, err
	}
	body, err := c.ReadBody()
	if err != nil || len(body) == 0 && c.Route.Body.Optional {
		return req, err
	}
	err = route.DecodeObject(body, deleteKeysMembers, func(d *route.Decoder, name string) (err error) {
		switch name {
		case "keys":
			req.hasKeys = true
			req.keys, err = wire.DecodeKeys(d, maxDeleteKeys)
		case "exact":
			req.hasExact = true
			req.exact, err = d.Boolean()
		case "where":
			req.where, err = wire.DecodeWhere(d)
		}
		return err
	})
	return req, err
}

// check refuses what contradicts itself, and what would delete everything by accident.
func (req *deleteManyRequest) check() error {
	switch {
	case req.hasKeys && len(req.keys) == 0: // also with a filter: a list that came out empty is not everything
		return route.InvalidArgument("keys must name 1 to %d keys", maxDeleteKeys)
	case req.hasKeys && (req.prefix != "" || req.all):
		return route.InvalidArgument("the body names keys, and the query names a prefix or all; give one")
	case req.hasExact && !req.hasKeys:
		return route.InvalidArgument("exact is for keys, and the body names none")
	case req.prefix != "" && req.all:
		return route.InvalidArgument("prefix and all contradict each other")
	case !req.everything() || req.all:
		return nil
	case req.where == nil:
		return route.InvalidArgument("there is nothing to go by: a prefix, 1 to %d keys or a where; deleting everything needs DELETE /keys?all=true", maxDeleteKeys)
	case req.where.MatchesAll():
		return route.InvalidArgument("where matches everything; deleting everything needs DELETE /keys?all=true")
	}
	return nil
}

// everything tells whether it is of the whole database.
func (req *deleteManyRequest) everything() bool { return !req.hasKeys && req.prefix == "" }

func (req *deleteManyRequest) deletes() kv.DeleteRequest {
	switch {
	case !req.hasKeys:
		return kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange(req.prefix)}, Where: req.where}
	case req.exact:
		return kv.DeleteRequest{Keys: req.keys, Where: req.where}
	}
	ranges := make([]kv.Range, len(req.keys))
	for i, key := range req.keys {
		ranges[i] = atAndBelow(key)
	}
	return kv.DeleteRequest{Ranges: ranges, Where: req.where}
}

// atAndBelow holds a key and what is below it: nothing, if it is opaque, for then what
// begins with its bytes may be any other key.
func atAndBelow(key kv.Key) kv.Range {
	if key.IsOpaque() {
		return kv.KeyRange(key)
	}
	return kv.SubtreeRange(key)
}
