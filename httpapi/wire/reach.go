package wire

import (
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/kv"
)

// Reach refuses a key that a grant does not reach, whether there is such an entry or not.
func Reach(g *access.Grant, key kv.Key) error { return reach(g, key.HasPrefix) }

// ReachAll refuses keys of which a grant does not reach one.
func ReachAll(g *access.Grant, keys []kv.Key) error {
	for _, key := range keys {
		if err := Reach(g, key); err != nil {
			return err
		}
	}
	return nil
}

// ReachRange refuses a stretch that is not all at or below one of a grant's prefixes: to
// answer with what of it is would be to answer another question.
func ReachRange(g *access.Grant, r kv.Range) error { return reach(g, r.Within) }

// reach refuses what is below none of a grant's prefixes.
func reach(g *access.Grant, below func(prefix kv.Key) bool) error {
	prefixes := g.Prefixes()
	for _, prefix := range prefixes {
		if below(kv.Key(prefix)) {
			return nil
		}
	}
	if prefixes == nil {
		return nil
	}
	return g.Beyond()
}
