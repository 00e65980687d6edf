package httpapi

import (
	"context"
	"crypto/rand"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/kv"
)

// ticketCaller is who uses tickets, among the callers of kept answers. No token can have
// this name.
const ticketCaller = "\x00tickets"

// newTickets are those that the database remembers.
func newTickets(cfg Config) *access.Tickets {
	return &access.Tickets{Signer: signerOf(cfg), Use: func(ctx context.Context, id string) (bool, error) {
		result, err := cfg.Store.Atomic(ctx, kv.AtomicRequest{Idempotency: &kv.Idempotency{
			Caller: ticketCaller, Key: id,
			Answer: func(kv.Versionstamp, kv.AtomicResult) []byte { return []byte("used") },
		}})
		return result.Replayed == nil, err
	}}
}

// signerOf signs with what all nodes know.
func signerOf(cfg Config) access.Signer {
	return access.Signer{Authority: cfg.Authority, Key: cfg.TicketKey}
}

// ownTicketKey is for a node that has no others.
func ownTicketKey() func(context.Context) ([]byte, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return func(context.Context) ([]byte, error) { return key, nil }
}
