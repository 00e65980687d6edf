package watch

import (
	"iter"

	"github.com/buntime/keyval/kv"
)

// An index finds the streams that watch a key, at a cost that depends on the
// number of the key's parts and not on how many streams there are.
type index struct {
	exact    map[kv.Key][]*Stream
	prefixes map[kv.Key][]*Stream
}

func newIndex() index {
	return index{exact: map[kv.Key][]*Stream{}, prefixes: map[kv.Key][]*Stream{}}
}

func (x *index) of(f Filter) map[kv.Key][]*Stream {
	if f.Prefixes {
		return x.prefixes
	}
	return x.exact
}

func (x *index) add(s *Stream) {
	watched := x.of(s.filter)
	for _, k := range s.filter.Keys {
		watched[k] = append(watched[k], s)
	}
}

func (x *index) remove(s *Stream) {
	watched := x.of(s.filter)
	for _, k := range s.filter.Keys {
		streams := watched[k]
		for i, other := range streams {
			if other == s {
				last := len(streams) - 1
				streams[i], streams[last] = streams[last], nil
				streams = streams[:last]
				break
			}
		}
		if len(streams) == 0 {
			delete(watched, k)
			continue
		}
		watched[k] = streams
	}
}

// watching are the streams that watch k, each once.
func (x *index) watching(k kv.Key) iter.Seq[*Stream] {
	return func(yield func(*Stream) bool) {
		for _, s := range x.exact[k] {
			if !yield(s) {
				return
			}
		}
		if len(x.prefixes) == 0 {
			return
		}
		for p := range k.Prefixes() {
			for _, s := range x.prefixes[p] {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// watched tells whether any stream watches k.
func (x *index) watched(k kv.Key) bool {
	for range x.watching(k) {
		return true
	}
	return false
}
