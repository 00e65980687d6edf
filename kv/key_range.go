package kv

import (
	"fmt"
	"strings"
)

// Range is a stretch of keys in encoded order: Start belongs to it, End does
// not. The bounds need not be keys themselves. A Range is empty if Start >= End.
type Range struct{ Start, End Key }

// A part begins with one of the tags, which are all between these two.
const (
	belowTags = "\x00"
	aboveTags = "\xff"
)

// aboveAll is above every key: opaque ones may begin with a byte above the tags, or
// consist of nothing else.
var aboveAll = Key(strings.Repeat(aboveTags, MaxKeyBytes+1))

// KeyRange holds just the key.
func KeyRange(key Key) Range { return Range{Start: key, End: key + belowTags} }

// PrefixRange holds the keys strictly below prefix. The empty prefix is above
// every key.
func PrefixRange(prefix Key) Range {
	return Range{Start: prefix + belowTags, End: prefix.end()}
}

// SubtreeRange holds prefix itself and the keys below it.
func SubtreeRange(prefix Key) Range {
	return Range{Start: prefix, End: prefix.end()}
}

// end is above k and what is below it.
func (k Key) end() Key {
	if k == "" {
		return aboveAll
	}
	return k + aboveTags
}

// Contains reports whether k lies in r.
func (r Range) Contains(k Key) bool { return r.Start <= k && k < r.End }

// Within reports whether all keys that can lie in r are at or below prefix.
func (r Range) Within(prefix Key) bool {
	below := SubtreeRange(prefix)
	return prefix == "" || r.Empty() || below.Start <= r.Start && r.End <= below.End
}

// Empty reports whether no key can lie in r.
func (r Range) Empty() bool { return r.Start >= r.End }

// After narrows r to what follows last in the direction of a list: the keys
// greater than last, or with reverse the smaller ones.
func (r Range) After(last Key, reverse bool) Range {
	if reverse {
		r.End = min(r.End, last)
	} else {
		r.Start = max(r.Start, last+belowTags)
	}
	return r
}

// Select is the range that a list asks for: the keys strictly below prefix, from
// start (inclusive) to end (exclusive). An empty start or end is no bound.
//
// Bounds must lie at or below the prefix, and start must not be greater than
// end; otherwise Select fails with ErrInvalidArgument. With lenient a start
// greater than end gives an empty range instead.
func Select(prefix, start, end Key, lenient bool) (Range, error) {
	r := PrefixRange(prefix)
	if start != "" {
		if !start.HasPrefix(prefix) {
			return Range{}, fmt.Errorf("%w: start does not lie below the prefix", ErrInvalidArgument)
		}
		r.Start = max(r.Start, start)
	}
	if end != "" {
		if !end.HasPrefix(prefix) {
			return Range{}, fmt.Errorf("%w: end does not lie below the prefix", ErrInvalidArgument)
		}
		r.End = end
	}
	if start != "" && end != "" && start > end && !lenient {
		return Range{}, fmt.Errorf("%w: start is greater than end", ErrInvalidArgument)
	}
	if r.Empty() {
		return Range{Start: r.Start, End: r.Start}, nil
	}
	return r, nil
}
