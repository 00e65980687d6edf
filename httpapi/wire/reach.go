package wire

import (
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/kv"
)

// Reach refuses a key that a grant does not reach, whether there is such an entry or not.
func Reach(g *access.Grant, key kv.Key) error {
	prefixes := g.Prefixes()
	for _, prefix := range prefixes {
		if key.HasPrefix(kv.Key(prefix)) {
			return nil
		}
	}
	if prefixes == nil {
		return nil
	}
	return g.Beyond()
}

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
func ReachRange(g *access.Grant, r kv.Range) error {
	prefixes := g.Prefixes()
	for _, prefix := range prefixes {
		if r.Within(kv.Key(prefix)) {
			return nil
		}
	}
	if prefixes == nil {
		return nil
	}
	return g.Beyond()
}
