package watch

import (
	"slices"

	"github.com/buntime/keyval/kv"
)

// A Filter is what a stream watches.
type Filter struct {
	// Keys are exact keys, or with Prefixes everything at or below each of
	// them; then the empty key is everything.
	Keys     []kv.Key
	Prefixes bool
}

// normal returns the filter with its keys sorted and none that another covers,
// so that a key matches at most one of them.
func (f Filter) normal() Filter {
	keys := slices.Clone(f.Keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if f.Prefixes {
		kept := keys[:0]
		for _, k := range keys {
			// What covers k sorts before it and after all that does not.
			if len(kept) == 0 || !k.HasPrefix(kept[len(kept)-1]) {
				kept = append(kept, k)
			}
		}
		keys = kept
	}
	return Filter{Keys: slices.Clip(keys), Prefixes: f.Prefixes}
}

// matches tells whether a normal filter covers k.
func (f Filter) matches(k kv.Key) bool {
	i, exact := slices.BinarySearch(f.Keys, k)
	if exact || !f.Prefixes {
		return exact
	}
	// A prefix of k is not greater than k, and between the two there is nothing
	// that it would not cover.
	return i > 0 && k.HasPrefix(f.Keys[i-1])
}
