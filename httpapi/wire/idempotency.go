package wire

import (
	"context"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

const maxIdempotencyKey = 128

// Idempotency ties the call to the caller's Idempotency-Key; nil without one.
func Idempotency(c *route.Call) (*kv.Idempotency, error) {
	header := c.Request.Header[api.HeaderIdempotencyKey]
	if len(header) == 0 {
		return nil, nil
	}
	key := header[0]
	if key == "" || len(key) > maxIdempotencyKey {
		return nil, route.InvalidArgument("%s has %d characters, want 1 to %d", api.HeaderIdempotencyKey, len(key), maxIdempotencyKey)
	}
	digest, err := c.Digest()
	if err != nil {
		return nil, err
	}
	return &kv.Idempotency{Caller: c.Caller(), Key: key, Request: digest}, nil
}

// An Atomic carries out operations. *kv.Store implements it.
type Atomic interface {
	Atomic(context.Context, kv.AtomicRequest) (kv.AtomicResult, error)
}

// Commit carries out an operation and answers with what render appends for it, once
// it has committed: under an Idempotency-Key with the very bytes that are kept for a
// repetition, and a repetition with what was kept. Where the checks did not hold the
// result is not OK, and the answer is the caller's to give.
func Commit(ctx context.Context, c *route.Call, store Atomic, req kv.AtomicRequest, render func(dst []byte, result kv.AtomicResult) []byte) (kv.AtomicResult, error) {
	var err error
	if req.Idempotency, err = Idempotency(c); err != nil {
		return kv.AtomicResult{}, err
	}
	if req.Idempotency != nil {
		req.Idempotency.Answer = func(_ kv.Versionstamp, result kv.AtomicResult) []byte { return render(nil, result) }
	}
	result, err := store.Atomic(ctx, req)
	if err != nil {
		return result, err
	}
	SetVersionstamp(c, result.Versionstamp)
	if result.OK && !AnswerKept(c, &result) {
		c.Out = render(c.Out, result)
	}
	return result, nil
}

// AnswerKept answers with what is kept for the idempotency key, if there is something.
func AnswerKept(c *route.Call, result *kv.AtomicResult) bool {
	kept := result.Kept
	if result.Replayed != nil {
		kept = result.Replayed
		c.SetHeader(api.HeaderIdempotencyReplayed, "true")
	}
	c.Out = append(c.Out[:0], kept...)
	return kept != nil
}
