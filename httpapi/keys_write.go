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
	// maxDeleteKeys is how many keys the body of a delete may name; how many
	// entries are below them has no limit.
	maxDeleteKeys = 1000
	maxExpireIn   = 1<<31 - 1 // ms, about 24 days
)

// maxValueBody is how much is read of a body that is a value, or little more. The
// limit of the value does not count insignificant white space: indented, a value is
// often three times as long.
func (s *Server) maxValueBody() int64 { return 4*int64(s.cfg.MaxValueBytes) + 64<<10 }

var (
	expireInParam  = intParam{name: "expireIn", doc: "The entry expires after so many milliseconds. Without it it does not, also if it did before.", min: 1, max: maxExpireIn}
	expiresInParam = intParam{name: "expiresIn", doc: "The same as `expireIn`.", min: 1, max: maxExpireIn}
	exactParam     = boolParam{name: "exact", doc: "Delete just this key. This is what `/` does without being told."}
	childrenParam  = boolParam{name: "children", doc: "Delete this key and everything below it. This is what the base path does without being told."}
	allParam       = boolParam{name: "all", doc: "Delete every entry of the database."}
)

// writeErrors are what any write may answer with.
var writeErrors = []api.Code{api.TooManyRequests, api.StorageFull, api.Unavailable, api.CommitUnknown, api.Timeout}

// The members of the bodies.
var (
	deleteKeyMembers = members{
		"exact": boolean("As the parameter of that name."),
		"where": ref("Where"),
	}
	deleteKeysMembers = members{
		"keys":  {Type: "array", Items: ref("Key"), MinItems: 1, MaxItems: maxDeleteKeys},
		"exact": boolean("Delete just these keys, not what is below them."),
		"where": ref("Where"),
	}
)

// keyWriteRoutes are those that write and delete entries.
func (s *Server) keyWriteRoutes() []route {
	written := []param{versionstampAnswer, replayed}
	deleted := []answerSpec{{status: 200, doc: "How many entries there were.", schema: ref("Deleted"), headers: written}}
	deleteErrors := append([]api.Code{api.InvalidKey, api.InvalidJSON, api.InvalidFilter, api.TooLarge}, writeErrors...)
	return []route{
		{
			method: http.MethodPut, pattern: "/keys/*", template: "/keys/{key}", op: "set", tag: "keys", scope: write,
			summary: "Write an entry",
			doc:     "The body is the value: any JSON, kept byte for byte apart from insignificant white space.",
			path:    []param{keyInPath},
			query:   []param{expireInParam.param(), expiresInParam.param()},
			header:  []param{ifMatch, ifNoneMatch, idempotencyKey},
			body:    &bodySpec{schema: ref("Value"), maxBytes: s.maxValueBody()},
			answers: []answerSpec{{status: 200, doc: "Written.", schema: ref("Written"), headers: append([]param{etagAnswer}, written...)}},
			errors:  append([]api.Code{api.InvalidKey, api.InvalidJSON, api.PreconditionFailed, api.TooLarge}, writeErrors...),
			serve:   s.putKey,
		},
		{
			method: http.MethodDelete, pattern: "/keys/*", template: "/keys/{key}", op: "delete", tag: "keys", scope: write,
			summary: "Delete an entry, or an entry and everything below it",
			path:    []param{keyInPath},
			query:   []param{exactParam.param(), childrenParam.param()},
			header:  []param{ifMatch, ifNoneMatch, idempotencyKey},
			body:    &bodySpec{schema: object(deleteKeyMembers), optional: true, maxBytes: maxListBody},
			answers: deleted,
			errors:  append([]api.Code{api.PreconditionFailed}, deleteErrors...),
			serve:   s.deleteKey,
		},
		{
			method: http.MethodDelete, pattern: "/keys", op: "delete", alias: "many", tag: "keys", scope: write,
			summary: "Delete what is below a prefix, or many keys",
			doc:     "`prefix` deletes what `GET /keys?prefix=` lists, without limit. The body instead names keys. More than 1,000 entries are deleted 1,000 at a time, each batch being a commit of its own.",
			query:   []param{prefixParam.param(), allParam.param()},
			header:  []param{idempotencyKey},
			body:    &bodySpec{schema: object(deleteKeysMembers), optional: true, maxBytes: maxKeysBody},
			answers: deleted, errors: deleteErrors,
			serve: s.deleteMany,
		},
		{
			method: http.MethodPost, pattern: "/keys/delete-batch", op: "delete", alias: "batch", tag: "keys", scope: write,
			summary: "Delete many keys",
			header:  []param{idempotencyKey},
			body:    &bodySpec{schema: object(deleteKeysMembers), maxBytes: maxKeysBody},
			answers: deleted, errors: deleteErrors,
			serve: s.deleteBatch,
		},
	}
}

func (s *Server) putKey(ctx context.Context, c *call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	checks, err := c.checks(key)
	if err != nil {
		return err
	}
	expireIn, err := c.expireIn()
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	value, err := kv.ParseValue(body, s.cfg.MaxValueBytes)
	if err != nil {
		return err
	}
	idempotency, err := c.idempotency(func(v kv.Versionstamp, _ kv.AtomicResult) []byte {
		return appendWritten(nil, v)
	})
	if err != nil {
		return err
	}
	result, err := c.commit(ctx, kv.AtomicRequest{
		Checks:      checks,
		Mutations:   []kv.Mutation{{Type: kv.MutationSet, Key: key, Value: value, ExpireIn: expireIn}},
		Idempotency: idempotency,
	})
	if err != nil {
		return err
	}
	c.setHeader("Etag", etag(result.Versionstamp))
	if result.Replayed != nil {
		return nil
	}
	c.out = appendWritten(c.out, result.Versionstamp)
	return nil
}

func appendWritten(dst []byte, v kv.Versionstamp) []byte {
	dst = append(dst, `{"ok":true,"versionstamp":"`...)
	dst = append(dst, v...)
	return append(dst, `"}`...)
}

// commit carries out an operation of one key whose checks are preconditions. If it
// was carried out before, it renders the answer of then.
func (c *call) commit(ctx context.Context, req kv.AtomicRequest) (kv.AtomicResult, error) {
	result, err := c.server.cfg.Store.Atomic(ctx, req)
	if err != nil {
		return result, err
	}
	c.setVersionstamp(result.Versionstamp)
	if result.Replayed != nil {
		c.replay(result.Replayed)
		return result, nil
	}
	if !result.OK {
		return result, kv.ErrPreconditionFailed
	}
	return result, nil
}

func (c *call) expireIn() (int64, error) {
	expireIn, err := expireInParam.get(c.query)
	if err != nil {
		return 0, err
	}
	expiresIn, err := expiresInParam.get(c.query)
	if err != nil {
		return 0, err
	}
	if expireIn != 0 && expiresIn != 0 {
		return 0, invalidArgument("expireIn and expiresIn are the same; give one")
	}
	return expireIn + expiresIn, nil
}

func (s *Server) deleteKey(ctx context.Context, c *call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	exact, err := c.deletesExactly()
	if err != nil {
		return err
	}
	checks, err := c.checks(key)
	if err != nil {
		return err
	}
	if exact {
		return c.deleteExact(ctx, key, checks)
	}
	if len(checks) > 0 {
		return invalidArgument("If-Match and If-None-Match need exact=true")
	}
	return c.deleteAll(ctx, kv.DeleteRequest{Ranges: []kv.Range{kv.SubtreeRange(key)}})
}

// deletesExactly tells whether just the key goes, or everything below it, too:
// what the request says, in its query or its body, or else the dialect.
func (c *call) deletesExactly() (bool, error) {
	said := make([]bool, 0, 3)
	exact, given, err := exactParam.get(c.query)
	if err != nil {
		return false, err
	}
	if given {
		said = append(said, exact)
	}
	children, given, err := childrenParam.get(c.query)
	if err != nil {
		return false, err
	}
	if given {
		said = append(said, !children)
	}
	if exact, given, err = c.exactBody(); err != nil {
		return false, err
	}
	if given {
		said = append(said, exact)
	}
	for _, other := range said {
		if other != said[0] {
			return false, invalidArgument("exact and children contradict each other")
		}
	}
	if len(said) == 0 {
		return !c.dialect.original, nil
	}
	return said[0], nil
}

func (c *call) exactBody() (exact, given bool, err error) {
	body, err := c.body()
	if err != nil || len(body) == 0 {
		return false, false, err
	}
	err = decodeObject(body, deleteKeyMembers, func(d *decoder, name string) (err error) {
		switch name {
		case "exact":
			given = true
			exact, err = d.boolean()
		case "where":
			err = errNoFilters
		}
		return err
	})
	return exact, given, err
}

func (c *call) deleteExact(ctx context.Context, key kv.Key, checks []kv.Check) error {
	idempotency, err := c.idempotency(func(_ kv.Versionstamp, result kv.AtomicResult) []byte {
		return appendDeleted(nil, result.Deleted)
	})
	if err != nil {
		return err
	}
	result, err := c.commit(ctx, kv.AtomicRequest{
		Checks:      checks,
		Mutations:   []kv.Mutation{{Type: kv.MutationDelete, Key: key}},
		Idempotency: idempotency,
	})
	if err != nil || result.Replayed != nil {
		return err
	}
	c.out = appendDeleted(c.out, result.Deleted)
	return nil
}

func appendDeleted(dst []byte, n int64) []byte {
	dst = append(dst, `{"success":true,"deletedCount":`...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '}')
}

// deleteAll deletes without limit.
func (c *call) deleteAll(ctx context.Context, req kv.DeleteRequest) error {
	var err error
	if req.Idempotency, err = c.idempotency(nil); err != nil {
		return err
	}
	result, err := c.server.cfg.Store.Delete(ctx, req)
	c.setVersionstamp(result.Versionstamp)
	if err != nil {
		return describeProgress(err, result.Deleted, "entries")
	}
	if result.Replayed {
		c.setHeader(api.HeaderIdempotencyReplayed, "true")
	}
	c.out = appendDeleted(c.out, result.Deleted)
	return nil
}

// describeProgress says how far a delete came that is atomic only in batches, whatever
// ended it.
func describeProgress(err error, deleted int64, what string) error {
	if deleted == 0 && codeOf(err) != api.Timeout {
		return err
	}
	return &progressError{err, told(err).reason, deleted, what}
}

// progressError is the error of an operation that is atomic only in batches.
type progressError struct {
	error
	reason  string
	deleted int64
	what    string
}

func (e *progressError) Error() string {
	return fmt.Sprintf("after %d %s had been deleted, %s; repeat the request to go on", e.deleted, e.what, e.reason)
}

func (e *progressError) Unwrap() error { return e.error }

func (s *Server) deleteMany(ctx context.Context, c *call) error {
	_, prefixGiven := c.query.text(prefixParam.name)
	prefix, err := prefixParam.get(c.query)
	if err != nil {
		return err
	}
	all, _, err := allParam.get(c.query)
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	switch {
	case len(body) > 0 && (prefixGiven || all):
		return invalidArgument("the body names what to delete, and so does the query; give one")
	case len(body) > 0:
		return s.deleteBatch(ctx, c)
	case prefix != "" && all:
		return invalidArgument("prefix and all contradict each other")
	case prefix == "" && !all:
		return invalidArgument("there is no prefix; deleting everything needs all=true")
	}
	return c.deleteAll(ctx, kv.DeleteRequest{Ranges: []kv.Range{kv.PrefixRange(prefix)}})
}

func (s *Server) deleteBatch(ctx context.Context, c *call) error {
	keys, exact, err := c.deleteBody()
	if err != nil {
		return err
	}
	if exact {
		return c.deleteAll(ctx, kv.DeleteRequest{Keys: keys})
	}
	req := kv.DeleteRequest{Ranges: make([]kv.Range, len(keys))}
	for i, key := range keys {
		req.Ranges[i] = kv.SubtreeRange(key)
	}
	return c.deleteAll(ctx, req)
}

func (c *call) deleteBody() (keys []kv.Key, exact bool, err error) {
	body, err := c.body()
	if err != nil {
		return nil, false, err
	}
	err = decodeObject(body, deleteKeysMembers, func(d *decoder, name string) (err error) {
		switch name {
		case "keys":
			keys, err = d.keys(maxDeleteKeys)
		case "exact":
			exact, err = d.boolean()
		case "where":
			err = errNoFilters
		}
		return err
	})
	if err == nil && len(keys) == 0 {
		err = invalidArgument("keys must name 1 to %d keys", maxDeleteKeys)
	}
	return keys, exact, err
}
