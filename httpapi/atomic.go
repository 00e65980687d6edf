package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

const (
	maxChecks     = 1000
	maxMutations  = 1000 // with enqueues
	maxAtomicBody = 4 << 20
)

// mutationTypes are the names of mutations on the wire.
var mutationTypes = map[string]kv.MutationType{
	"set":     kv.MutationSet,
	"delete":  kv.MutationDelete,
	"sum":     kv.MutationSum,
	"min":     kv.MutationMin,
	"max":     kv.MutationMax,
	"append":  kv.MutationAppend,
	"prepend": kv.MutationPrepend,
}

// The members of the bodies.
var (
	checkMembers = members{
		"key":          ref("Key"),
		"versionstamp": versionstampOrNull,
	}
	mutationMembers = members{
		"type":      {Type: "string", Enum: []any{"set", "delete", "sum", "min", "max", "append", "prepend"}},
		"key":       ref("SetKey"),
		"value":     anyJSON("Any JSON for `set`, where `{\"$now\":true}` becomes the transaction's time in ms; an integer (number, numeric string or bigint) for `sum`, `min`, `max`; an array for `append` and `prepend`; none for `delete`."),
		"expireIn":  expireInParam.param().schema,
		"expiresIn": expiresInParam.param().schema,
	}
	atomicMembers = members{
		"checks":    {Type: "array", MaxItems: maxChecks, Items: object(checkMembers, "key", "versionstamp")},
		"mutations": {Type: "array", MaxItems: maxMutations, Items: object(mutationMembers, "type", "key")},
		"enqueue":   {Type: "array", MaxItems: maxMutations, Items: enqueueSchema, Description: "Messages to enqueue with the commit; the answer has their `ids`, in order."},
	}
)

// atomicRoutes are the operations of several keys.
func (s *Server) atomicRoutes() []route {
	committed := []param{versionstampAnswer, replayed}
	errors := append([]api.Code{
		api.InvalidKey, api.InvalidValue, api.InvalidJSON, api.TypeMismatch, api.OutOfRange, api.TooLarge,
	}, writeErrors...)
	return []route{
		{
			method: http.MethodPost, pattern: "/atomic", op: "atomic", tag: "atomic", scope: write,
			summary: "Check and change several keys, all or nothing",
			doc:     "All checks are made against one state, then the mutations apply in order. A check that does not hold is an answer, not an error; a mutation that cannot apply is 400, and nothing is written.",
			header:  []param{idempotencyKey},
			body:    &bodySpec{schema: object(atomicMembers), maxBytes: maxAtomicBody},
			answers: []answerSpec{{status: 200, doc: "Committed, or the checks that did not hold.", schema: ref("AtomicResult"), headers: committed}},
			errors:  errors,
			serve:   s.atomic,
		},
		{
			method: http.MethodPost, pattern: "/transaction", op: "transaction", tag: "atomic", scope: write,
			summary: "Read and write against one snapshot",
			doc:     "Read first, then send the same reads with the `snapshot` of the answer and the changes: they commit only if nothing that was read has changed.",
			header:  []param{idempotencyKey},
			body:    &bodySpec{schema: object(transactionMembers), maxBytes: maxAtomicBody},
			answers: []answerSpec{{status: 200, doc: "Committed, or why not.", schema: ref("TransactionResult"), headers: committed}},
			errors:  errors,
			serve:   s.transaction,
		},
	}
}

func (s *Server) atomic(ctx context.Context, c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	req, part, err := s.decodeAtomic(body, c.dialect)
	if err != nil {
		return err
	}
	req.Idempotency, err = c.idempotency(func(v kv.Versionstamp, _ kv.AtomicResult) []byte {
		return appendCommitted(nil, v, part)
	})
	if err != nil {
		return err
	}
	result, err := s.cfg.Store.Atomic(ctx, req)
	if err != nil {
		return err
	}
	c.setVersionstamp(result.Versionstamp)
	switch {
	case result.Replayed != nil:
		c.replay(result.Replayed)
	case result.OK:
		c.out = appendCommitted(c.out, result.Versionstamp, part)
	default:
		c.out = append(c.out, `{"ok":false,"conflicts":`...)
		c.out = appendConflicts(c.out, result.Conflicts)
		c.out = append(c.out, '}')
	}
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

// decodeAtomic decodes the body of POST /atomic, and the part that enqueues, nil
// without one.
func (s *Server) decodeAtomic(body []byte, dialect *dialect) (kv.AtomicRequest, *queue.Part, error) {
	a := atomicDecoder{maxValueBytes: s.cfg.MaxValueBytes, dialect: dialect}
	err := decodeObject(body, atomicMembers, a.member)
	if err != nil {
		return a.req, nil, err
	}
	part, err := s.join(&a)
	return a.req, part, err
}

// join checks how much the operation does, and lets the queue's part, nil without
// one, join it.
func (s *Server) join(a *atomicDecoder) (*queue.Part, error) {
	if n := len(a.req.Mutations) + len(a.messages); n > maxMutations {
		return nil, fmt.Errorf("%w: there are %d mutations and enqueues, at most %d are allowed", kv.ErrTooLarge, n, maxMutations)
	}
	if len(a.messages) == 0 {
		return nil, nil
	}
	part, err := s.enqueuePart(a.messages)
	if err != nil {
		return nil, err
	}
	a.req.Parts = []sqldb.Part{part}
	return part, nil
}

// An atomicDecoder decodes what /atomic and /transaction have in common.
type atomicDecoder struct {
	maxValueBytes int
	dialect       *dialect
	req           kv.AtomicRequest
	messages      []queue.Enqueue
}

// member reads one of those members.
func (a *atomicDecoder) member(d *decoder, name string) (err error) {
	switch name {
	case "checks":
		err = d.array(maxChecks, func() error { return a.check(d) })
	case "mutations":
		err = d.array(maxMutations, func() error { return a.mutation(d) })
	case "enqueue":
		err = d.array(maxMutations, func() error { return a.enqueue(d) })
	}
	return err
}

func (a *atomicDecoder) check(d *decoder) error {
	var check kv.Check
	var hasVersionstamp bool
	err := d.object(checkMembers, func(name string) (err error) {
		switch name {
		case "key":
			check.Key, err = d.key()
		case "versionstamp":
			hasVersionstamp = true
			check.Versionstamp, err = d.checkedVersionstamp(a.dialect)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case check.Key == "":
		return d.missing("key")
	case !hasVersionstamp:
		// Taking it for null would turn a typo into "must not exist".
		return d.missing("versionstamp")
	}
	a.req.Checks = append(a.req.Checks, check)
	return nil
}

// checkedVersionstamp is what a check asks for, "" for null: there must be no entry.
// In the original's dialect a text that is no versionstamp of ours never matches.
func (d *decoder) checkedVersionstamp(dialect *dialect) (kv.Versionstamp, error) {
	if d.null() {
		return "", nil
	}
	text, err := d.text()
	if err != nil {
		return "", err
	}
	v, err := kv.ParseVersionstamp(text)
	if err != nil && dialect.original {
		return kv.ForeignVersionstamp, nil
	}
	return v, d.wrap(err)
}

// enqueue reads a message of the operation.
func (a *atomicDecoder) enqueue(d *decoder) error {
	message, err := d.message(a.maxValueBytes)
	a.messages = append(a.messages, message)
	return err
}
