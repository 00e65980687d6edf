package keys

import (
	"context"
	"net/http"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
)

// keyWriteRoutes are those that write entries.
func (k *room) keyWriteRoutes() []route.Route {
	return []route.Route{
		{
			Method: http.MethodPut, Pattern: "/keys/*", Template: "/keys/{key}", Op: "set", Tag: tagKeys, Scope: access.Write, Changes: true,
			Summary: "Write an entry",
			Doc:     "The body is the value: any JSON, kept byte for byte apart from insignificant white space.",
			Path:    []route.Param{wire.KeyInPath},
			Query:   []route.Param{wire.ExpireInParam.Param(), wire.ExpiresInParam.Param()},
			Header:  []route.Param{wire.IfMatch, wire.IfNoneMatch, wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Ref("Value"), MaxBytes: wire.MaxValueBody(k.MaxValueBytes)},
			Answers: []route.Answer{{Status: 200, Doc: "Written.", Schema: route.Ref("Written"), Headers: []route.Param{wire.ETagAnswer, wire.VersionstampAnswer, wire.Replayed}}},
			Errors:  append([]api.Code{api.InvalidKey, api.InvalidJSON, api.PreconditionFailed, api.TooLarge}, wire.WriteErrors...),
			Serve:   k.putKey,
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
