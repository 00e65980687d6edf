package query

import (
	"slices"
	"strconv"
	"strings"
)

type nodeKind int

// In the order in which they bind, the tightest first.
const (
	term    nodeKind = iota
	without          // the first operand without the second
	all              // of the operands
	some             // of the operands
	nothing          // looks into no column
)

// A node is an expression. A nil one is of punctuation only, and left out.
type node struct {
	kind     nodeKind
	operands []*node

	// Of a term:
	columns  columns
	initial  bool
	strings  []string // one, or those of NEAR
	prefix   []bool   // of each string
	near     bool
	distance int
}

// both makes an expression that all operands have to match.
func both(operands []*node) *node {
	operands = flatten(all, operands)
	for _, n := range operands {
		if n.kind == nothing {
			return n
		}
	}
	return of(all, operands)
}

// either makes an expression that one operand has to match.
func either(operands []*node) *node {
	operands = flatten(some, operands)
	something := slices.DeleteFunc(slices.Clone(operands), func(n *node) bool { return n.kind == nothing })
	if len(something) == 0 && len(operands) > 0 {
		return operands[0]
	}
	return of(some, something)
}

// except makes an expression of what matches n and none of the others.
func except(n *node, others []*node) *node {
	other := either(others)
	if n == nil || n.kind == nothing || other == nil || other.kind == nothing {
		return n
	}
	return &node{kind: without, operands: []*node{n, other}}
}

// flatten takes out nil, and puts the operands of operands of the kind in their place.
func flatten(kind nodeKind, operands []*node) []*node {
	var flat []*node
	for _, n := range operands {
		switch {
		case n == nil:
		case n.kind == kind:
			flat = append(flat, n.operands...)
		default:
			flat = append(flat, n)
		}
	}
	return flat
}

func of(kind nodeKind, operands []*node) *node {
	switch len(operands) {
	case 0:
		return nil
	case 1:
		return operands[0]
	}
	return &node{kind: kind, operands: deepestFirst(operands)}
}

// deepestFirst orders operands so that FTS5's parser needs least of its stack.
func deepestFirst(operands []*node) []*node {
	slices.SortStableFunc(operands, func(a, b *node) int { return b.depth() - a.depth() })
	return operands
}

// depth is how much of its stack FTS5's parser needs for the operators in n: an open
// parenthesis takes one, an operator with what is on its left two.
func (n *node) depth() int {
	deepest := 0
	for i, operand := range n.operands {
		d := operand.depth()
		if n.encloses(i) {
			d++
		}
		if i > 0 {
			d += 2
		}
		deepest = max(deepest, d)
	}
	return deepest
}

// encloses tells whether an operand has to stand in parentheses.
func (n *node) encloses(i int) bool {
	operand := n.operands[i].kind
	return operand > n.kind || n.kind == without && i > 0 && operand != term
}

// write appends n in the syntax of FTS5.
func (n *node) write(b *strings.Builder) {
	switch n.kind {
	case term:
		n.writeTerm(b)
	case all:
		n.writeOperands(b, " AND ")
	case some:
		n.writeOperands(b, " OR ")
	case without:
		n.writeOperands(b, " NOT ")
	case nothing: // Operators leave it out.
	}
}

func (n *node) writeOperands(b *strings.Builder, operator string) {
	for i, operand := range n.operands {
		if i > 0 {
			b.WriteString(operator)
		}
		if !n.encloses(i) {
			operand.write(b)
			continue
		}
		b.WriteByte('(')
		operand.write(b)
		b.WriteByte(')')
	}
}

func (n *node) writeTerm(b *strings.Builder) {
	n.writeColumns(b)
	if n.initial {
		b.WriteByte('^')
	}
	if n.near {
		b.WriteString("NEAR(")
	}
	n.writeStrings(b)
	if n.near {
		b.WriteString(", " + strconv.Itoa(n.distance) + ")")
	}
}

func (n *node) writeColumns(b *strings.Builder) {
	if n.columns == nil {
		return
	}
	for i, column := range n.columns {
		b.WriteByte("{ "[min(i, 1)])
		b.WriteString("c" + strconv.Itoa(column))
	}
	b.WriteString("} : ")
}

func (n *node) writeStrings(b *strings.Builder) {
	for i, text := range n.strings {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
		if n.prefix[i] {
			b.WriteByte('*')
		}
	}
}
