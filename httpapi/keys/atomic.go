package keys

import (
	"context"
	"fmt"
	"net/http"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

const (
	maxChecks     = 1000
	maxMutations  = 1000 // with enqueues
	maxAtomicBody = 4 << 20
)

// checkMembers are those of a check.
var checkMembers = route.Members{
	"key":          route.Ref("Key"),
	"versionstamp": route.Ref("VersionstampOrNull").Nullable(),
}

// members are those of POST /atomic.
func (m Messages) members() route.Members {
	return route.Members{
		"checks":    {Type: "array", MaxItems: maxChecks, Items: route.Object(checkMembers, "key", "versionstamp")},
		"mutations": {Type: "array", MaxItems: maxMutations, Items: wire.Mutation},
		"enqueue":   {Type: "array", MaxItems: maxMutations, Items: m.Schema, Description: "Messages to enqueue with the commit; the answer has their `ids`, in order."},
	}
}

// atomicRoutes are the operations of several keys.
func (k *room) atomicRoutes() []route.Route {
	committed := []route.Param{wire.VersionstampAnswer, wire.Replayed}
	errors := append([]api.Code{
		api.InvalidKey, api.InvalidValue, api.InvalidJSON, api.TypeMismatch, api.OutOfRange, api.TooLarge,
	}, wire.WriteErrors...)
	return []route.Route{
		{
			Method: http.MethodPost, Pattern: "/atomic", Op: "atomic", Tag: tagAtomic, Scope: access.Write, Changes: true,
			Summary: "Check and change several keys, all or nothing",
			Doc:     "All checks are made against one state, then the mutations apply in order. A check that does not hold is an answer, not an error; a mutation that cannot apply is 400, and nothing is written.",
			Header:  []route.Param{wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(k.atomicMembers), MaxBytes: maxAtomicBody},
			Answers: []route.Answer{{Status: 200, Doc: "Committed, or the checks that did not hold.", Schema: route.Ref("AtomicResult"), Headers: committed}},
			Errors:  errors,
			Serve:   k.atomic,
		},
		{
			Method: http.MethodPost, Pattern: "/transaction", Op: "transaction", Tag: tagAtomic, Scope: access.Write, Changes: true,
			Summary: "Read and write against one snapshot",
			Doc:     "Read first, then send the same reads with the `snapshot` of the answer and the changes: they commit only if nothing that was read has changed.",
			Header:  []route.Param{wire.IdempotencyKey},
			Body:    &route.Body{Schema: route.Object(k.transactionMembers), MaxBytes: maxAtomicBody},
			Answers: []route.Answer{{Status: 200, Doc: "Committed, or why not.", Schema: route.Ref("TransactionResult"), Headers: committed}},
			Errors:  errors,
			Serve:   k.transaction,
		},
	}
}

func (k *room) atomic(ctx context.Context, c *route.Call) error {
	body, err := c.ReadBody()
	if err != nil {
		return err
	}
	req, part, err := k.decodeAtomic(body, c)
	if err != nil {
		return err
	}
	ctx, sending := part.Send(ctx)
	defer sending.End()
	result, err := wire.Commit(ctx, c, k.Store.For(c.Grant), req, func(dst []byte, result kv.AtomicResult) []byte {
		return appendCommitted(dst, result.Versionstamp, part)
	})
	if err != nil || result.OK {
		return err
	}
	c.Out = append(c.Out, `{"ok":false,"conflicts":`...)
	c.Out = wire.AppendConflicts(c.Out, result.Conflicts)
	c.Out = append(c.Out, '}')
	return nil
}

// appendCommitted renders a commit, with the ids of what it has enqueued.
func appendCommitted(dst []byte, v kv.Versionstamp, part *queue.Part) []byte {
	dst = append(dst, `{"ok":true,"versionstamp":"`...)
	dst = append(dst, v...)
	dst = append(dst, '"')
	dst = appendIDs(dst, part)
	return append(dst, '}')
}

// appendIDs renders a member with the ids of a part's messages; nothing without
// one.
func appendIDs(dst []byte, part *queue.Part) []byte {
	if part == nil {
		return dst
	}
	return route.AppendArray(append(dst, `,"ids":`...), part.Enqueued(), func(dst []byte, e *queue.Enqueued) []byte {
		dst = append(dst, '"')
		dst = append(dst, e.ID...)
		return append(dst, '"')
	})
}

// decodeAtomic decodes the body of POST /atomic, and the part that enqueues, nil
// without one.
func (k *room) decodeAtomic(body []byte, c *route.Call) (kv.AtomicRequest, *queue.Part, error) {
	a := atomicDecoder{room: k, call: c}
	err := route.DecodeObject(body, k.atomicMembers, a.member)
	if err != nil {
		return a.req, nil, err
	}
	part, err := k.join(&a)
	return a.req, part, err
}

// newPart refuses messages where there are no queues, rather than commit without
// them.
func (k *room) newPart(g *access.Grant, messages []queue.Enqueue) (*queue.Part, error) {
	if !k.Messages.NewPart.Given() {
		return nil, route.InvalidArgument("this node has no queues")
	}
	return k.Messages.NewPart.For(g)(messages)
}

// join checks how much the operation does, and lets the queue's part, nil without
// one, join it.
func (k *room) join(a *atomicDecoder) (*queue.Part, error) {
	if n := len(a.req.Mutations) + len(a.messages); n > maxMutations {
		return nil, fmt.Errorf("%w: there are %d mutations and enqueues, at most %d are allowed", kv.ErrTooLarge, n, maxMutations)
	}
	if len(a.messages) == 0 {
		return nil, nil
	}
	part, err := k.newPart(a.call.Grant, a.messages)
	if err != nil {
		return nil, err
	}
	a.req.Parts = []kv.Part{part}
	return part, nil
}

// An atomicDecoder decodes what /atomic and /transaction have in common.
type atomicDecoder struct {
	*room
	call     *route.Call
	req      kv.AtomicRequest
	messages []queue.Enqueue
}

// member reads one of those members.
func (a *atomicDecoder) member(d *route.Decoder, name string) (err error) {
	switch name {
	case "checks":
		err = d.Array(maxChecks, func() error { return a.check(d) })
	case "mutations":
		err = d.Array(maxMutations, func() error {
			mutation, err := wire.DecodeMutation(d, a.MaxValueBytes)
			a.req.Mutations = append(a.req.Mutations, mutation)
			return err
		})
	case "enqueue":
		err = d.Array(maxMutations, func() error {
			message, err := a.Messages.Decode(d)
			a.messages = append(a.messages, message)
			return err
		})
	}
	return err
}

func (a *atomicDecoder) check(d *route.Decoder) error {
	var check kv.Check
	var hasVersionstamp bool
	err := d.Object(checkMembers, func(name string) (err error) {
		switch name {
		case "key":
			check.Key, err = wire.DecodeKey(d)
		case "versionstamp":
			hasVersionstamp = true
			check.Versionstamp, err = checkedVersionstamp(d, a.call.Dialect)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case check.Key == "":
		return d.Missing("key")
	case !hasVersionstamp:
		// Taking it for null would turn a typo into "must not exist".
		return d.Missing("versionstamp")
	}
	a.req.Checks = append(a.req.Checks, check)
	return nil
}

// checkedVersionstamp is what a check asks for, "" for null: there must be no entry.
// In the original's dialect a text that is no versionstamp of ours never matches.
func checkedVersionstamp(d *route.Decoder, dialect *route.Dialect) (kv.Versionstamp, error) {
	if d.Null() {
		return "", nil
	}
	text, err := d.Text()
	if err != nil {
		return "", err
	}
	v, err := kv.ParseVersionstamp(text)
	if err != nil && dialect.Original {
		return kv.ForeignVersionstamp, nil
	}
	return v, d.Wrap(err)
}
