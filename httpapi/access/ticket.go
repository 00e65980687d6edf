package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// ticketLife is how long a ticket can be redeemed. The nodes' clocks should agree better
// than that.
const ticketLife = time.Minute

// Tickets stand for a token for a minute and for one request, where the token itself
// cannot be sent. Any node takes those of any other.
type Tickets struct {
	Authority *Authority
	// Key is the secret that the nodes have in common.
	Key func(context.Context) ([]byte, error)
	// Use remembers for all nodes that a ticket has been used, and tells whether it is
	// the first time.
	Use func(ctx context.Context, id string) (first bool, err error)
}

// A ticket, in base64url, is
//
//	1           version
//	8 bytes     when it ends, in Unix milliseconds
//	16 bytes    its id
//	…           the token's name
//	32 bytes    HMAC-SHA-256 of what is before
//
// The HMAC's key is that of the nodes together with the hash of the token's secret: who
// has stolen the database or the auth file, but not both, cannot make one.
const (
	ticketVersion = 1
	ticketIDAt    = 1 + 8
	ticketNameAt  = ticketIDAt + 16
	minTicket     = ticketNameAt + sha256.Size
	maxTicket     = 512 // as it is sent
)

// Issue makes a ticket for the bearer of a grant.
func (t *Tickets) Issue(ctx context.Context, g *Grant) (ticket string, expires time.Time, err error) {
	key, err := t.key(ctx, g)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = time.Now().Add(ticketLife).Truncate(time.Millisecond)
	b := binary.BigEndian.AppendUint64([]byte{ticketVersion}, uint64(expires.UnixMilli()))
	b = append(b, make([]byte, ticketNameAt-ticketIDAt)...)
	_, _ = rand.Read(b[ticketIDAt:]) // never fails
	b = append(b, g.token.Name...)
	return base64.RawURLEncoding.EncodeToString(append(b, sumOf(key, b)...)), expires, nil
}

// Redeem is what the bearer of a ticket may, who has not redeemed it before.
func (t *Tickets) Redeem(ctx context.Context, ticket string) (*Grant, error) {
	signed, sum, ok := cutTicket(ticket)
	if !ok {
		return nil, ErrBadTicket
	}
	g := t.Authority.named(string(signed[ticketNameAt:]))
	if g == nil {
		return nil, ErrBadTicket
	}
	key, err := t.key(ctx, g)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(sum, sumOf(key, signed)) {
		return nil, ErrBadTicket
	}
	if time.Now().UnixMilli() >= int64(binary.BigEndian.Uint64(signed[1:ticketIDAt])) {
		return nil, ErrOldTicket
	}
	if g, err = g.now(); err != nil {
		return nil, err
	}
	first, err := t.Use(ctx, hex.EncodeToString(signed[ticketIDAt:ticketNameAt]))
	if err == nil && !first {
		err = ErrOldTicket
	}
	return g, err
}

// cutTicket takes what was sent apart into what is signed and the signature.
func cutTicket(ticket string) (signed, sum []byte, ok bool) {
	if len(ticket) > maxTicket {
		return nil, nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) < minTicket || b[0] != ticketVersion {
		return nil, nil, false
	}
	end := len(b) - sha256.Size
	return b[:end], b[end:], true
}

// key signs the tickets of one token.
func (t *Tickets) key(ctx context.Context, g *Grant) ([]byte, error) {
	common, err := t.Key(ctx)
	if err != nil {
		return nil, err
	}
	return sumOf(common, g.token.Hash[:]), nil
}

func sumOf(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
