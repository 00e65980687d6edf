package access

import (
	"context"
	"slices"
)

// A Grant is what a caller may do, for as long as its context goes on: that of a token as
// it stands in the file, or Everything. It is for concurrent use.
type Grant struct {
	token  Token
	scopes scopeSet
	ctx    context.Context // ends when the token is revoked, changed or has expired
	end    context.CancelCauseFunc
	usage  usage // of the token's limits, by its requests
}

// What nobody in particular may.
var (
	// Everything is what everybody may where there are no tokens, and what a node itself
	// does.
	Everything = endless(Token{Scopes: Scopes})
	// Nobody is what routes are served with that need no token.
	Nobody = endless(Token{})
)

func endless(t Token) *Grant {
	return &Grant{token: t, scopes: setOf(t.Scopes), ctx: context.Background()}
}

func newGrant(t Token) *Grant {
	g := endless(t)
	g.ctx, g.end = context.WithCancelCause(g.ctx)
	return g
}

// Name is the token's; "" for everybody.
func (g *Grant) Name() string { return g.token.Name }

// Context ends, with the refusal that its cause is, when the token is no longer what it
// was.
func (g *Grant) Context() context.Context { return g.ctx }

// Has tells whether it has a scope.
func (g *Grant) Has(s Scope) bool {
	return s == Open || s == AnyToken || g.scopes&s.bit() != 0
}

// Need refuses what needs a scope that it lacks.
func (g *Grant) Need(s Scope) error {
	if g.Has(s) {
		return nil
	}
	return &ScopeError{Token: g.token.Name, Lacks: s, Has: g.scopes.String()}
}

// Prefixes are encoded keys, one of which everything is at or below that it reaches; nil:
// it reaches all keys.
func (g *Grant) Prefixes() []string { return g.token.Prefixes }

// Queues are those that it reaches; nil: all of them.
func (g *Grant) Queues() []string { return g.token.Queues }

// NeedQueue refuses a queue that it does not reach; "" is all of them.
func (g *Grant) NeedQueue(name string) error {
	if g.token.Queues == nil || slices.Contains(g.token.Queues, name) {
		return nil
	}
	return &BoundError{Token: g.token.Name, To: "queues"}
}

// Beyond refuses a key that is at or below none of its prefixes.
func (g *Grant) Beyond() error { return &BoundError{Token: g.token.Name, To: "prefixes"} }
