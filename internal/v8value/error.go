package v8value

import "slices"

// error reads an Error: its parts in any order, each of which may come again.
func (r *reader) error() bool {
	r.begin()
	class, shown := "", false
	order := errorOrder{last: -1, end: r.rewrite.mark(r)}
	begin := order.end
	for {
		part, ok := r.byteVarint()
		if !ok {
			return false
		}
		rank := errorRank(part)
		if rank == 0 {
			class = errorClass(part)
		} else if !shown {
			r.putExtra(class + "Error")
			shown = true
		}
		if part == '.' {
			r.rewrite.error(begin, &order)
			return true
		}
		if rank < 0 || !r.errorPart(part) {
			return false
		}
		order.add(rank, r.rewrite.mark(r))
	}
}

func (r *reader) errorPart(part byte) bool {
	switch part {
	case 'm':
		t, ok := r.stringValue()
		r.put(": ")
		r.putRaw(t)
		return ok
	case 's':
		_, ok := r.stringValue()
		return ok
	case 'c':
		r.put(" (cause: ")
		ok := r.value() != broken
		r.put(")")
		return ok
	}
	return true
}

func errorClass(prototype byte) string {
	switch prototype {
	case 'E':
		return "Eval"
	case 'R':
		return "Range"
	case 'F':
		return "Reference"
	case 'S':
		return "Syntax"
	case 'T':
		return "Type"
	}
	return "URI"
}

// errorRank is the place of a part among the others: prototype, message, stack, cause.
// Deno's V8 (15) reads them in this order alone; Node's (11) writes the cause before
// the stack and reads any order.
func errorRank(part byte) int {
	switch part {
	case 'E', 'R', 'F', 'S', 'T', 'U':
		return 0
	case 'm':
		return 1
	case 's':
		return 2
	case 'c':
		return 3
	}
	return -1
}

// errorOrder follows the parts of one Error, and where they stand in the copy.
type errorOrder struct {
	parts     [4]struct{ begin, end int } // by rank
	end       int                         // of the last one
	last      int                         // the highest rank so far
	misplaced bool                        // one came after one that it ranks before
	seen      [4]bool
	again     bool // one came twice: there is no right order
}

func (o *errorOrder) add(rank, end int) {
	o.again = o.again || o.seen[rank]
	o.seen[rank] = true
	o.misplaced = o.misplaced || rank < o.last
	o.last = max(o.last, rank)
	o.parts[rank].begin, o.parts[rank].end = o.end, end
	o.end = end
}

// error puts the parts of an Error that begins so in the copy into order.
func (w *rewrite) error(begin int, o *errorOrder) {
	if !o.misplaced || o.again {
		return
	}
	w.needed = true
	if !w.copying {
		return
	}
	parts := slices.Clone(w.copy[begin:])
	w.copy = w.copy[:begin]
	for _, p := range o.parts {
		if p.end > 0 {
			w.copy = append(w.copy, parts[p.begin-begin:p.end-begin]...)
		}
	}
}
