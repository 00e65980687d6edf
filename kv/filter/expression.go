package filter

import (
	"cmp"
	"slices"
	"strings"
)

// An expression is SQL that is as flat as it can be. SQLite bounds how deep expressions nest
// by 1,000, so a chain must not be long, and SQLite 3.45's parser keeps at most 100 things
// in mind: each parenthesis that is open, and what stands before it. So the opposite is
// taken at the leaves, what is within its like needs no parentheses, and what nests deepest
// stands first.
type expression struct {
	leaf  string
	any   bool // whether one of the parts is enough, else all are needed
	parts []expression
	depth int
}

// join is all of the nodes or any of them, or of their opposites. What is true or false of
// everything is left out, or decides: it would not count among what a filter consists of.
func join(c *compiler, nodes []node, anyOf, opposite bool) expression {
	e, before := expression{any: anyOf}, *c
	for _, n := range nodes {
		part := n.sql(c, opposite)
		switch {
		case part.leaf != "":
			e.parts = append(e.parts, part)
		case len(part.parts) == 0 && part.any != anyOf:
			*c = before
			return part
		case part.any == anyOf || len(part.parts) == 1:
			e.parts = append(e.parts, part.parts...)
		default:
			e.parts = append(e.parts, part)
		}
	}
	for _, part := range e.parts {
		e.depth = max(e.depth, part.depth+1)
	}
	slices.SortStableFunc(e.parts, func(a, b expression) int { return cmp.Compare(b.depth, a.depth) })
	return e
}

// String needs no parentheses around it unless it has parts.
func (e expression) String() string {
	switch {
	case e.leaf != "":
		return e.leaf
	case len(e.parts) == 0 && e.any:
		return "0"
	case len(e.parts) == 0:
		return "1"
	}
	parts := make([]string, len(e.parts))
	for i, part := range e.parts {
		parts[i] = part.String()
	}
	operator := " AND "
	if e.any {
		operator = " OR "
	}
	return chain(parts, operator)
}

// chain is what an operator makes of parts, in parentheses if there are several: one pair
// around the first, which nests deepest, however many they are.
func chain(parts []string, operator string) string {
	const most = 40 // its square is more than a filter has nodes
	if len(parts) == 1 {
		return parts[0]
	}
	if len(parts) > most {
		links := parts[:1:1]
		for some := range slices.Chunk(parts[1:], most) {
			links = append(links, chain(some, operator))
		}
		parts = links
	}
	return "(" + strings.Join(parts, operator) + ")"
}
