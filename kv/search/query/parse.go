package query

import (
	"fmt"
	"slices"
	"strconv"
)

// isExpression is the rule of the package's comment.
func isExpression(tokens []token) bool {
	for _, t := range tokens {
		switch t.kind {
		case and, or, not, near, filtered:
			return true
		default:
		}
	}
	return false
}

// parsePlain makes an expression of the words and phrases alone.
func parsePlain(tokens []token) (*node, error) {
	p := parser{tokens: tokens}
	var operands []*node
	for p.more() {
		if k := p.peek().kind; k == word || k == phrase {
			operands = append(operands, p.text())
			continue
		}
		p.at++
	}
	if len(tokens) > 0 && !slices.ContainsFunc(tokens, func(t token) bool { return t.kind != star }) {
		return nil, starAlone(tokens[0])
	}
	return both(operands), nil
}

func starAlone(t token) error {
	return wrong(t.position, "A * stands directly after the beginning of a word, or after a phrase.")
}

// A parser reads tokens of an expression from at on.
type parser struct {
	tokens  []token
	at      int
	depth   int     // what the parentheses around at count
	columns columns // that the filters around at allow
}

func (p *parser) more() bool { return p.at < len(p.tokens) }

// peek returns the next token; there has to be one.
func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	p.at++
	return p.tokens[p.at-1]
}

// accept takes the next token if it is of the kind.
func (p *parser) accept(k kind) bool {
	ok := p.more() && p.peek().kind == k
	if ok {
		p.at++
	}
	return ok
}

func (p *parser) whole() (*node, error) {
	for _, t := range p.tokens {
		if t.kind == quote {
			return nil, wrong(t.position, "The quote is not closed.")
		}
	}
	n, err := p.alternatives()
	if err == nil && p.more() {
		return nil, p.unexpected()
	}
	return n, err
}

// alternatives reads operands of OR.
func (p *parser) alternatives() (*node, error) {
	n, err := p.conjunction()
	operands := []*node{n}
	for err == nil && p.accept(or) {
		n, err = p.conjunction()
		operands = append(operands, n)
	}
	if err != nil {
		return nil, err
	}
	return either(operands), nil
}

// conjunction reads operands of AND, which may be left out between them.
func (p *parser) conjunction() (*node, error) {
	n, err := p.difference()
	operands := []*node{n}
	for err == nil && (p.accept(and) || p.atOperand()) {
		n, err = p.difference()
		operands = append(operands, n)
	}
	if err != nil {
		return nil, err
	}
	return both(operands), nil
}

// atOperand tells whether an operand may begin here; if not, an operator or the end is here.
func (p *parser) atOperand() bool {
	if !p.more() {
		return false
	}
	switch p.peek().kind {
	case or, not, closed:
		return false
	default:
		return true
	}
}

// difference reads operands of NOT. What they take away they take away together, which
// FTS5 can have any number of.
func (p *parser) difference() (*node, error) {
	n, err := p.operand()
	var others []*node
	for err == nil && p.accept(not) {
		var other *node
		p.depth += 2
		other, err = p.operand()
		p.depth -= 2
		others = append(others, other)
	}
	if err != nil {
		return nil, err
	}
	return except(n, others), nil
}

func (p *parser) operand() (*node, error) {
	if !p.more() {
		return nil, p.missing()
	}
	switch t := p.peek(); t.kind {
	case word, phrase:
		return p.text(), nil
	case open:
		return p.group()
	case near:
		return p.near()
	case filtered:
		return p.filtered()
	case star:
		return nil, starAlone(t)
	default:
		return nil, p.missing()
	}
}

// missing is the error of a place where an operand has to be, by what is before it.
func (p *parser) missing() error {
	if p.at == 0 {
		return p.unexpected()
	}
	switch t := p.tokens[p.at-1]; t.kind {
	case open:
		if p.more() && p.peek().kind != closed {
			return p.unexpected()
		}
		return wrong(t.position, "There is nothing in this parenthesis.")
	case filtered:
		return wrong(t.position, "A column filter needs a word, a phrase or a parenthesis after it.")
	default:
		if p.more() && p.peek().kind == not {
			return wrong(p.peek().position, "NOT needs a word directly on its left, without AND or OR between.")
		}
		return wrong(t.position, "This operator needs a word on its right.")
	}
}

func (p *parser) unexpected() error {
	t := p.peek()
	if t.kind == closed {
		return wrong(t.position, "This parenthesis closes none.")
	}
	return wrong(t.position, "This operator needs a word on its left.")
}

func (p *parser) group() (*node, error) {
	t := p.next()
	p.depth++
	if p.depth > MaxDepth {
		return nil, wrong(t.position, fmt.Sprintf("Parentheses are nested at most %d deep, on the right of NOT %d.",
			MaxDepth, MaxDepth/3))
	}
	n, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	p.depth--
	if !p.accept(closed) {
		return nil, wrong(t.position, "This parenthesis is not closed.")
	}
	return n, nil
}

func (p *parser) filtered() (*node, error) {
	t := p.next()
	if p.more() && p.peek().kind == filtered {
		return nil, p.missing()
	}
	around := p.columns
	p.columns = around.and(t.columns)
	n, err := p.operand()
	p.columns = around
	return n, err
}

// text reads a word or phrase.
func (p *parser) text() *node {
	t := p.next()
	n := &node{kind: term, columns: p.columns, initial: t.initial}
	n.add(t)
	return n.orNothing()
}

// add appends a word or phrase. One of punctuation only is left out.
func (n *node) add(t token) {
	if isWord(t.text) {
		n.strings = append(n.strings, t.text)
		n.prefix = append(n.prefix, t.prefix)
	}
}

// orNothing returns nil if there is no word, and nothing if there is no column.
func (n *node) orNothing() *node {
	switch {
	case len(n.strings) == 0:
		return nil
	case n.columns != nil && len(n.columns) == 0:
		return &node{kind: nothing}
	}
	return n
}

const (
	defaultDistance = 10 // as FTS5's
	maxDistance     = 1_000_000
)

func (p *parser) near() (*node, error) {
	start := p.next()
	n := &node{kind: term, columns: p.columns, near: true, distance: defaultDistance}
	empty := true
	for p.more() && (p.peek().kind == word || p.peek().kind == phrase) && !p.peek().initial {
		n.add(p.next())
		empty = false
	}
	if empty {
		return nil, wrong(start.position, "NEAR needs words or phrases in its parenthesis.")
	}
	if p.accept(comma) {
		if err := p.distance(n); err != nil {
			return nil, err
		}
	}
	if !p.more() {
		return nil, wrong(start.position, "NEAR's parenthesis is not closed.")
	}
	if !p.accept(closed) {
		return nil, wrong(p.peek().position, "NEAR takes words and phrases, and after a comma the distance.")
	}
	return n.orNothing(), nil
}

func (p *parser) distance(n *node) error {
	position := p.tokens[p.at-1].position
	if p.more() && p.peek().kind == word {
		t := p.next()
		position = t.position
		d, err := strconv.ParseUint(t.text, 10, 32)
		if err == nil && d <= maxDistance {
			n.distance = int(d)
			return nil
		}
	}
	return wrong(position, fmt.Sprintf("NEAR's distance is a whole number of at most %d.", maxDistance))
}
