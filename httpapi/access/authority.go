package access

import (
	"crypto/subtle"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An Authority knows the tokens. The zero Authority knows none and lets everybody do
// Everything.
type Authority struct {
	roster atomic.Pointer[roster]
	mu     sync.Mutex // one change at a time
}

// A roster is the tokens as they stand at a time; it does not change.
type roster struct {
	byID   map[string]*Grant
	byName map[string]*Grant
	timers []*time.Timer // end those that expire
}

// Admit has the tokens be the given ones from now on, whose names and ids are unique. A
// token that is as it was goes on, with its streams; the others end. It returns the names
// of those that are new, gone and changed.
func (a *Authority) Admit(tokens []Token) (added, gone, changed []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.roster.Load()
	now := &roster{byID: map[string]*Grant{}, byName: map[string]*Grant{}}
	for _, t := range tokens {
		old := before.named(t.Name)
		switch {
		case old == nil:
			added = append(added, t.Name)
		case reflect.DeepEqual(old.token, t):
			now.enter(old)
			continue
		default:
			changed = append(changed, t.Name)
		}
		now.enter(newGrant(t))
	}
	a.roster.Store(now) // before the old ones end, so that nobody comes in again by them
	return added, before.endExcept(now), changed
}

func (r *roster) enter(g *Grant) {
	r.byName[g.token.Name] = g
	if g.token.ID != "" {
		r.byID[g.token.ID] = g
	}
	if !g.token.Expires.IsZero() {
		r.timers = append(r.timers, time.AfterFunc(time.Until(g.token.Expires), func() { g.end(ErrExpired) }))
	}
}

func (r *roster) named(name string) *Grant {
	if r == nil {
		return nil
	}
	return r.byName[name]
}

// endExcept ends the grants that are not in the next roster, and names the tokens that
// are gone.
func (r *roster) endExcept(next *roster) (gone []string) {
	if r == nil {
		return nil
	}
	for _, timer := range r.timers {
		timer.Stop()
	}
	for name, g := range r.byName {
		after := next.byName[name]
		if after == nil {
			gone = append(gone, name)
		}
		if after != g {
			g.end(ErrRevoked)
		}
	}
	return gone
}

// Grant is what the bearer of a request's credentials may. Certificate is the name that a
// verified client certificate has; "" without.
func (a *Authority) Grant(header http.Header, certificate string) (*Grant, error) {
	r := a.roster.Load()
	if r == nil {
		return Everything, nil
	}
	if given := header["Authorization"]; len(given) > 0 {
		return r.bearer(given)
	}
	if g := r.byName[certificate]; g != nil && certificate != "" {
		return g.now()
	}
	return nil, ErrNoToken
}

// bearer finds the token by the part of its secret that is none, and compares the hash of
// the rest in constant time: what the time tells is which ids there are.
func (r *roster) bearer(given []string) (*Grant, error) {
	secret, ok := bearerToken(given)
	if !ok {
		return nil, ErrNoToken
	}
	id, ok := idOf(secret)
	if !ok {
		return nil, ErrUnknownToken
	}
	g := r.byID[id]
	if g == nil {
		return nil, ErrUnknownToken
	}
	hash := hashOf(secret)
	if subtle.ConstantTimeCompare(hash[:], g.token.Hash[:]) != 1 {
		return nil, ErrUnknownToken
	}
	return g.now()
}

// bearerToken is the token of an Authorization header of the scheme Bearer, RFC 6750,
// 2.1.
func bearerToken(given []string) (string, bool) {
	const scheme = "bearer "
	if len(given) != 1 || len(given[0]) < len(scheme) || !strings.EqualFold(given[0][:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(given[0][len(scheme):]), true
}

// now is the grant, unless its time is over.
func (g *Grant) now() (*Grant, error) {
	if expires := g.token.Expires; !expires.IsZero() && !time.Now().Before(expires) {
		return nil, ErrExpired
	}
	return g, nil
}

// named is the grant of a token; nil if there is none of the name.
func (a *Authority) named(name string) *Grant {
	r := a.roster.Load()
	if r == nil && name == "" {
		return Everything
	}
	return r.named(name)
}

// knowsNone tells that everybody may do Everything.
func (a *Authority) knowsNone() bool { return a.roster.Load() == nil }

// Close ends what goes on by the tokens.
func (a *Authority) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.roster.Load(); r != nil {
		for _, timer := range r.timers {
			timer.Stop()
		}
	}
}

// LogChange says which tokens have come and gone.
func LogChange(logger *slog.Logger, added, gone, changed []string) {
	logger.Info("audit", "action", "tokens", "added", added, "gone", gone, "changed", changed)
}
