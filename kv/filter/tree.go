package filter

import "strconv"

// A node is a part of a filter that is true, false or unknown of a document.
type node interface {
	eval(m moment) truth
	// sql is the node, or its opposite.
	sql(c *compiler, opposite bool) expression
	// canonical appends the node as a member of an object.
	canonical(dst []byte) []byte
}

// A moment is a document at a time. To the blind one every field is unknown.
type moment struct {
	document []byte
	now      int64
	blind    bool
}

// A compiler collects the arguments of an expression.
type compiler struct {
	document, now string
	next          int
	args          []any
}

// bind is the parameter that holds an argument.
func (c *compiler) bind(arg any) string {
	c.args = append(c.args, arg)
	c.next++
	return "?" + strconv.Itoa(c.next-1)
}

// truth is SQL's: what compares with nothing is unknown.
type truth int8

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// all are the members of an object: each must hold.
type all []node

func (a all) eval(m moment) truth {
	t := yes
	for _, n := range a {
		if t = min(t, n.eval(m)); t == no {
			break
		}
	}
	return t
}

func (a all) sql(c *compiler, opposite bool) expression { return join(c, a, opposite, opposite) }

func (a all) canonical(dst []byte) []byte {
	dst = append(dst, '{')
	for i, n := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.canonical(dst)
	}
	return append(dst, '}')
}

// every is $and.
type every []node

func (e every) eval(m moment) truth { return all(e).eval(m) }

func (e every) sql(c *compiler, opposite bool) expression { return all(e).sql(c, opposite) }

func (e every) canonical(dst []byte) []byte { return appendList(dst, "$and", e) }

// some is $or.
type some []node

func (s some) eval(m moment) truth {
	t := no
	for _, n := range s {
		if t = max(t, n.eval(m)); t == yes {
			break
		}
	}
	return t
}

func (s some) sql(c *compiler, opposite bool) expression { return join(c, s, !opposite, opposite) }

func (s some) canonical(dst []byte) []byte { return appendList(dst, "$or", s) }

// inverse is $not.
type inverse struct{ node }

func (i inverse) eval(m moment) truth { return -i.node.eval(m) }

func (i inverse) sql(c *compiler, opposite bool) expression { return i.node.sql(c, !opposite) }

func (i inverse) canonical(dst []byte) []byte {
	return i.node.canonical(append(dst, `"$not":`...))
}

func appendList(dst []byte, operator string, nodes []node) []byte {
	dst = append(append(append(dst, '"'), operator...), `":[`...)
	for i, n := range nodes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.canonical(dst)
	}
	return append(dst, ']')
}
