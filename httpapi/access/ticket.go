package access

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"
)

// ticketLife is how long a ticket can be redeemed. The nodes' clocks should agree better
// than that.
const ticketLife = time.Minute

// Tickets stand for a token for a minute and for one request, where the token itself
// cannot be sent. Any node takes those of any other.
type Tickets struct {
	Signer
	// Use remembers for all nodes that a ticket has been used, and tells whether it is
	// the first time.
	Use func(ctx context.Context, id string) (first bool, err error)
}

// What is signed of a ticket is
//
//	1           version
//	8 bytes     when it ends, in Unix milliseconds
//	16 bytes    its id
//	…           the token's name
const (
	ticketIDAt   = signedAfter
	ticketNameAt = ticketIDAt + 16
)

var ticket = kind{version: 1, nameAt: ticketNameAt, bad: ErrBadTicket, old: ErrOldTicket}

// Issue makes a ticket for the bearer of a grant.
func (t *Tickets) Issue(ctx context.Context, g *Grant) (signed string, expires time.Time, err error) {
	var id [ticketNameAt - ticketIDAt]byte
	_, _ = rand.Read(id[:]) // never fails
	return t.sign(ctx, g, &ticket, ticketLife, id[:])
}

// Redeem is what the bearer of a ticket may, who has not redeemed it before.
func (t *Tickets) Redeem(ctx context.Context, sent string) (*Grant, error) {
	g, signed, err := t.open(ctx, sent, &ticket)
	if err != nil {
		return nil, err
	}
	first, err := t.Use(ctx, hex.EncodeToString(signed[ticketIDAt:ticketNameAt]))
	if err == nil && !first {
		err = ErrOldTicket
	}
	return g, err
}
