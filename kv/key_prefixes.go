package kv

import "iter"

// Prefixes are all prefixes of k by whole parts, from the empty one to k itself:
// whoever keeps something by prefix finds what is above a key in as many look-ups
// as the key has parts. For a k that is no valid encoding they end early.
func (k Key) Prefixes() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for rest, ok := k, true; ok; _, rest, ok = rest.cut() {
			if !yield(k[:len(k)-len(rest)]) {
				return
			}
		}
	}
}
