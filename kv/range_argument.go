package kv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/buntime/keyval/internal/sqldb"
)

// Bounds of a range r from rangesJSON, to put behind a column.
const (
	fromSQL = `>=unhex(r.value->>0)`
	toSQL   = `<` + endSQL
	endSQL  = `unhex(coalesce(r.value->>2,(r.value->>0)||(r.value->>1)))`

	// rangesSQL unpacks the ranges of ?1 once, for a statement that meets them again
	// and again.
	rangesSQL = `WITH r(start,stop) AS MATERIALIZED (SELECT unhex(r.value->>0),unhex(coalesce(r.value->>2,(r.value->>0)||(r.value->>1))) FROM json_each(?1) r) `
)

// rangesJSON renders keys and ranges as disjoint ranges, so that no entry is
// met twice.
func rangesJSON(keys []Key, ranges []Range) []string {
	return renderRanges(mergeRanges(keys, ranges))
}

// renderRanges renders ranges in as many arguments as they need: at least one. A range
// is [start, suffix] if its end is start and a suffix, as that of a key or a subtree
// is, otherwise [start, null, end].
func renderRanges(ranges []Range) []string {
	var arguments []string
	rendered := []byte{'['}
	for _, r := range ranges {
		switch {
		case len(rendered) > sqldb.MaxArgument:
			arguments = append(arguments, string(append(rendered, ']')))
			rendered = append(rendered[:0], '[')
		case len(rendered) > 1:
			rendered = append(rendered, ',')
		}
		if suffix, ok := strings.CutPrefix(string(r.End), string(r.Start)); ok {
			rendered = fmt.Appendf(rendered, `["%x","%x"]`, string(r.Start), suffix)
		} else {
			rendered = fmt.Appendf(rendered, `["%x",null,"%x"]`, string(r.Start), string(r.End))
		}
	}
	return append(arguments, string(append(rendered, ']')))
}

// mergeRanges are the keys and ranges as disjoint ranges in order.
func mergeRanges(keys []Key, ranges []Range) []Range {
	all := slices.Clone(ranges)
	for _, k := range keys {
		all = append(all, Range{Start: k, End: k + "\x00"})
	}
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	var merged []Range
	for _, r := range all {
		if n := len(merged); n > 0 && r.Start <= merged[n-1].End {
			merged[n-1].End = max(merged[n-1].End, r.End)
			continue
		}
		if !r.Empty() {
			merged = append(merged, r)
		}
	}
	return merged
}

// bytesOf is how many bytes arguments have.
func bytesOf(arguments []string) (n int) {
	for _, a := range arguments {
		n += len(a)
	}
	return n
}
