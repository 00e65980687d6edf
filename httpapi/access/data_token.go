package access

import (
	"context"
	"net/http"
	"time"
)

// DataTokens stand for a token for a day and for any number of requests: KV Connect
// hands them out in exchange for the token, so that its requests do not carry that.
// Any node takes those of any other, until the token itself ends.
type DataTokens struct {
	Signer
	// Life is how long one can be used. 0: a day.
	Life time.Duration
}

// What is signed of a data token is
//
//	1           version
//	8 bytes     when it ends, in Unix milliseconds
//	…           the token's name
var dataToken = kind{version: 2, nameAt: signedAfter, bad: ErrBadDataToken, old: ErrOldDataToken}

// Issue makes a data token for the bearer of a grant.
func (t *DataTokens) Issue(ctx context.Context, g *Grant) (token string, expires time.Time, err error) {
	life := t.Life
	if life == 0 {
		life = 24 * time.Hour
	}
	return t.sign(ctx, g, &dataToken, life, nil)
}

// Redeem is what the bearer of a request's credentials may, which are a data token or what
// that was given in exchange for. Where everybody may do everything, any token will do.
func (t *DataTokens) Redeem(ctx context.Context, header http.Header, certificate string) (*Grant, error) {
	token, given := bearerToken(header["Authorization"])
	if _, secret := idOf(token); !given || secret || t.Authority.knowsNone() {
		return t.Authority.Grant(header, certificate)
	}
	g, _, err := t.open(ctx, token, &dataToken)
	return g, err
}
