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
)

const (
	// maxDeleteKeys is how many keys the body of a delete may name; how many
	// entries are below them has no limit.
	maxDeleteKeys = 1000
)

var (
	exactParam    = route.BoolParam{Name: "exact", Doc: "Delete just this key. This is what `/` does without being told."}
	childrenParam = route.BoolParam{Name: "children", Doc: "Delete this key and everything below it. This is what the base path does without being told."}
	allParam      = route.BoolParam{Name: "all", Doc: "Delete every entry of the database."}
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

// keyWriteRoutes are those that write and delete entries.
func (k *room) keyWriteRoutes() []route.Route {
	written := []route.Param{wire.VersionstampAnswer, wire.Replayed}
	deleted := []route.Answer{{Status: 200, Doc: "How many entries there were.", Schema: route.Ref("Deleted"), Headers: written}}
	deleteErrors := append([]api.Code{api.InvalidKey, api.InvalidJSON, api.InvalidFilter, api.TooLarge}, wire.WriteErrors...)
	return []route.Route{
		{
			Method: http.MethodPut, Pattern: "/keys/*", Template: "/keys/{key}", Op: "set", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Write an entry",
			Doc:     "The body is the value: any JSON, kept byte for byte apart from insignificant white space.",
			Path:    []route.Param{wire.KeyInPath},
			Query:   []route.Param{wire.ExpireInParam.Param(), wire.ExpiresInParam.Param()},
			Header:  []route.Param{wire.IfMatch, wire.IfNoneMatch, wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Ref("Value"), MaxBytes: wire.MaxValueBody(k.MaxValueBytes)},
			Answers: []route.Answer{{Status: 200, Doc: "Written.", Schema: route.Ref("Written"), Headers: append([]route.Param{wire.ETagAnswer}, written...)}},
			Errors:  append([]api.Code{api.InvalidKey, api.InvalidJSON, api.PreconditionFailed, api.TooLarge}, wire.WriteErrors...),
			Serve:   k.putKey,
		},
		{
			Method: http.MethodDelete, Pattern: "/keys/*", Template: "/keys/{key}", Op: "delete", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Delete an entry, or an entry and everything below it",
			Path:    []route.Param{wire.KeyInPath},
			Query:   []route.Param{exactParam.Param(), childrenParam.Param()},
			Header:  []route.Param{wire.IfMatch, wire.IfNoneMatch, wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(deleteKeyMembers), Optional: true, MaxBytes: maxListBody},
			Answers: deleted,
			Errors:  append([]api.Code{api.PreconditionFailed}, deleteErrors...),
			Serve:   k.deleteKey,
		},
		{
			Method: http.MethodDelete, Pattern: "/keys", Op: "delete", Alias: "many", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Delete what is below a prefix, or many keys",
			Doc:     "`prefix` deletes what `GET /keys?prefix=` lists, without limit. The body instead names keys. More than 1,000 entries are deleted 1,000 at a time, each batch being a commit of its own.",
			Query:   []route.Param{prefixParam.Param(), allParam.Param()},
			Header:  []route.Param{wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(deleteKeysMembers), Optional: true, MaxBytes: maxKeysBody},
			Answers: deleted, Errors: deleteErrors,
			Serve: k.deleteMany,
		},
		{
			Method: http.MethodPost, Pattern: "/keys/delete-batch", Op: "delete", Alias: "batch", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Delete many keys",
			Header:  []route.Param{wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(deleteKeysMembers), MaxBytes: maxKeysBody},
			Answers: deleted, Errors: deleteErrors,
			Serve: k.deleteBatch,
		},
	}
}

func (k *room) putKey(ctx context.Context, c *route.Call) error {
	key, err := wire.PathKey(c)
	if err != nil {
		return err
	}
	checks, err := wire.Checks(c, key)
	if err != nil {
		return err
	}
	expireIn, err := expireIn(c)
	if err != nil {
		return err
	}
	body, err := c.ReadBody()
	if err != nil {
		return err
	}
	value, err := kv.ParseValue(body, k.MaxValueBytes)
	if err != nil {
		return err
	}
	result, err := k.commit(ctx, c, kv.AtomicRequest{
		Checks:    checks,
		Mutations: []kv.Mutation{{Type: kv.MutationSet, Key: key, Value: value, ExpireIn: expireIn}},
	}, func(dst []byte, result kv.AtomicResult) []byte { return appendCommitted(dst, result.Versionstamp, nil) })
	if err != nil {
		return err
	}
	c.SetHeader("Etag", wire.ETag(result.Versionstamp))
	return nil
}

// commit is Commit for an operation of one key whose checks are preconditions.
func (k *room) commit(ctx context.Context, c *route.Call, req kv.AtomicRequest, render func([]byte, kv.AtomicResult) []byte) (kv.AtomicResult, error) {
	result, err := wire.Commit(ctx, c, k.Store.For(c.Grant), req, render)
	if err == nil && !result.OK {
		err = kv.ErrPreconditionFailed
	}
	return result, err
}

func expireIn(c *route.Call) (int64, error) {
	expireIn, err := wire.ExpireInParam.Get(c.Query)
	if err != nil {
		return 0, err
	}
	expiresIn, err := wire.ExpiresInParam.Get(c.Query)
	if err != nil {
		return 0, err
	}
	if expireIn != 0 && expiresIn != 0 {
		return 0, route.InvalidArgument("expireIn and expiresIn are the same; give one")
	}
	return expireIn + expiresIn, nil
}

func (k *room) deleteKey(ctx context.Context, c *route.Call) error {
	key, err := wire.PathKey(c)
	if err != nil {
		return err
	}
	exact, err := deletesExactly(c)
	if err != nil {
		return err
	}
	checks, err := wire.Checks(c, key)
	if err != nil {
		return err
	}
	if exact {
		return k.deleteExact(ctx, c, key, checks)
	}
	if len(checks) > 0 {
		return route.InvalidArgument("If-Match and If-None-Match need exact=true")
	}
	return k.deleteAll(ctx, c, kv.DeleteRequest{Ranges: []kv.Range{kv.SubtreeRange(key)}})
}

// deletesExactly tells whether just the key goes, or everything below it, too:
// what the request says, in its query or its body, or else the dialect.
func deletesExactly(c *route.Call) (bool, error) {
	said := make([]bool, 0, 3)
	exact, given, err := exactParam.Get(c.Query)
	if err != nil {
		return false, err
	}
	if given {
		said = append(said, exact)
	}
	children, given, err := childrenParam.Get(c.Query)
	if err != nil {
		return false, err
	}
	if given {
		said = append(said, !children)
	}
	if exact, given, err = exactBody(c); err != nil {
		return false, err
	}
	if given {
		said = append(said, exact)
	}
	for _, other := range said {
		if other != said[0] {
			return false, route.InvalidArgument("exact and children contradict each other")
		}
	}
	if len(said) == 0 {
		return !c.Dialect.Original, nil
	}
	return said[0], nil
}

func exactBody(c *route.Call) (exact, given bool, err error) {
	body, err := c.ReadBody()
	if err != nil || len(body) == 0 {
		return false, false, err
	}
	err = route.DecodeObject(body, deleteKeyMembers, func(d *route.Decoder, name string) (err error) {
		switch name {
		case "exact":
			given = true
			exact, err = d.Boolean()
		case "where":
			err = errNoFilters
		}
		return err
	})
	return exact, given, err
}

func (k *room) deleteExact(ctx context.Context, c *route.Call, key kv.Key, checks []kv.Check) error {
	_, err := k.commit(ctx, c, kv.AtomicRequest{
		Checks:    checks,
		Mutations: []kv.Mutation{{Type: kv.MutationDelete, Key: key}},
	}, func(dst []byte, result kv.AtomicResult) []byte { return appendDeleted(dst, result.Deleted) })
	return err
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

func (k *room) deleteMany(ctx context.Context, c *route.Call) error {
	_, prefixGiven := c.Query.Text(prefixParam.Name)
	prefix, err := prefixParam.Get(c.Query)
	if err != nil {
		return err
	}
	all, _, err := allParam.Get(c.Query)
	if err != nil {
		return err
	}
	body, err := c.ReadBody()
	if err != nil {
		return err
	}
	switch {
	case len(body) > 0 && (prefixGiven || all):
		return route.InvalidArgument("the body names what to delete, and so does the query; give one")
	case len(body) > 0:
		return k.deleteBatch(ctx, c)
	case prefix != "" && all:
		return route.InvalidArgument("prefix and all contradict each other")
	case prefix == "" && !all:
		return route.InvalidArgument("there is no prefix; deleting everything needs all=true")
	case all:
		c.Administrative()
	}
	return k.deleteAll(ctx, c, kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange(prefix)}})
}

func (k *room) deleteBatch(ctx context.Context, c *route.Call) error {
	keys, exact, err := deleteBody(c)
	if err != nil {
		return err
	}
	if exact {
		return k.deleteAll(ctx, c, kv.DeleteRequest{Keys: keys})
	}
	req := kv.DeleteRequest{Ranges: make([]kv.Range, len(keys))}
	for i, key := range keys {
		req.Ranges[i] = kv.SubtreeRange(key)
	}
	return k.deleteAll(ctx, c, req)
}

func deleteBody(c *route.Call) (keys []kv.Key, exact bool, err error) {
	body, err := c.ReadBody()
	if err != nil {
		return nil, false, err
	}
	err = route.DecodeObject(body, deleteKeysMembers, func(d *route.Decoder, name string) (err error) {
		switch name {
		case "keys":
			keys, err = wire.DecodeKeys(d, maxDeleteKeys)
		case "exact":
			exact, err = d.Boolean()
		case "where":
			err = errNoFilters
		}
		return err
	})
	if err == nil && len(keys) == 0 {
		err = route.InvalidArgument("keys must name 1 to %d keys", maxDeleteKeys)
	}
	return keys, exact, err
}
