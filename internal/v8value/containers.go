package v8value

import (
	"slices"
	"strconv"
)

// object reads the properties of a plain object.
func (r *reader) object() bool {
	r.begin()
	base := len(r.names)
	r.putByte('{')
	for n := uint32(0); ; n++ {
		tag, ok := r.peekTag()
		if !ok {
			return false
		}
		if tag == tagObjectEnd {
			r.pos++
			count, ok := r.varint()
			r.putByte('}')
			return ok && count == n && r.unique(base)
		}
		if n > 0 {
			r.putByte(',')
		}
		if !r.property() {
			return false
		}
	}
}

func (r *reader) property() bool {
	pos := r.pos
	n, ok := r.name()
	if !ok {
		return false
	}
	r.addName(n, pos)
	return r.member(n)
}

// member reads the value of the property named n.
func (r *reader) member(n name) bool {
	if n.tag != tagDouble {
		r.exact = r.exact && n.isExact()
	}
	if !r.full() {
		n.text = r.shown(n.text)
		r.out = append(n.appendJSON(r.out), ':')
	}
	return r.value() != broken
}

// dense reads an array with all its elements in order, and properties after them.
func (r *reader) dense() bool {
	pos := r.pos - 1
	length, ok := r.varint()
	if !ok || uint64(length) > uint64(r.left()) {
		return false
	}
	r.objects.begin(pos)
	a := array{reader: r, base: len(r.names), length: length}
	r.putByte('[')
	for range length {
		if !a.element() {
			return false
		}
	}
	a.putHoles()
	return a.properties(tagDenseEnd)
}

// sparse reads an array as its properties. One without holes is an array like others:
// V8 writes new Array(3).fill(0) so.
func (r *reader) sparse() bool {
	pos := r.pos - 1
	length, ok := r.varint()
	if !ok {
		return false
	}
	r.objects.begin(pos)
	a := array{reader: r, base: len(r.names), length: length, sparse: true}
	r.putByte('[')
	return a.properties(tagSparseEnd)
}

// array is one that is being read.
type array struct {
	*reader
	base   int // of its names
	length uint32
	sparse bool
	next   uint32 // index of the next element
	holes  uint32 // before it
	holed  bool   // there were holes
	some   bool   // something stands in it
}

// element reads the next element of a dense array, which may be a hole.
func (a *array) element() bool {
	a.next++
	if tag, ok := a.peekTag(); ok && tag == tagHole {
		a.pos++
		a.holes++
		a.holed = true
		return true
	}
	return a.elementValue()
}

func (a *array) elementValue() bool {
	a.putHoles()
	a.comma()
	return a.value() != broken
}

func (a *array) comma() {
	if a.some {
		a.putByte(',')
	}
	a.some = true
}

// putHoles shows the holes as Node.js and Deno do.
func (a *array) putHoles() {
	if a.holes == 0 {
		return
	}
	a.exact = false
	a.comma()
	if !a.full() {
		a.out = append(a.out, '<')
		a.out = strconv.AppendUint(a.out, uint64(a.holes), 10)
		a.out = append(a.out, " empty>"...)
	}
	a.holes = 0
}

// properties reads up to the end of the array.
func (a *array) properties(end byte) bool {
	for n := uint32(0); ; n++ {
		tag, ok := a.peekTag()
		if !ok {
			return false
		}
		if tag == end {
			a.pos++
			return a.end(n)
		}
		if !a.property() {
			return false
		}
	}
}

// property reads an element of a sparse array in its place, or else a property, which
// JSON has no place for.
func (a *array) property() bool {
	pos := a.pos
	n, ok := a.name()
	if !ok || a.has(n) {
		return false
	}
	a.addName(n, pos)
	index, isIndex := n.index()
	if isIndex && a.sparse && index >= a.next {
		a.holes = index - a.next
		a.next = index + 1
		return a.elementValue()
	}
	a.comma()
	a.exact = false
	return a.member(n)
}

// has tells whether the array has a property n from the beginning.
func (a *array) has(n name) bool {
	if index, ok := n.index(); ok {
		return !a.sparse && !a.holed && index < a.length
	}
	return n.tag != tagDouble && string(a.shown(n.text).appendRaw(a.scratch[:0])) == "length"
}

func (a *array) end(n uint32) bool {
	if a.sparse && a.next < a.length {
		a.holes = a.length - a.next
		a.putHoles()
	}
	count, ok := a.varint()
	if !ok || count != n {
		return false
	}
	length, ok := a.varint()
	a.putByte(']')
	return ok && length == a.length && a.unique(a.base)
}

// mapEntries reads a Map. Its size, which stands at the end, is shown before it.
func (r *reader) mapEntries() bool {
	r.begin()
	size := r.sized("Map")
	for n := uint32(0); ; n += 2 {
		tag, ok := r.peekTag()
		if !ok {
			return false
		}
		if tag == tagMapEnd {
			r.pos++
			return r.endSized(size, n, n/2)
		}
		r.separate(n)
		if r.value() == broken {
			return false
		}
		r.put(" => ")
		if r.value() == broken {
			return false
		}
	}
}

func (r *reader) setValues() bool {
	r.begin()
	size := r.sized("Set")
	for n := uint32(0); ; n++ {
		tag, ok := r.peekTag()
		if !ok {
			return false
		}
		if tag == tagSetEnd {
			r.pos++
			return r.endSized(size, n, n)
		}
		r.separate(n)
		if r.value() == broken {
			return false
		}
	}
}

func (r *reader) separate(n uint32) {
	if n > 0 {
		r.put(", ")
	}
}

// sized opens a collection and returns where its size will stand.
func (r *reader) sized(class string) (size int) {
	r.putExtra(class)
	size = len(r.out)
	r.put(" {")
	return size
}

// endSized ends a collection of so many values, which it shows as size.
func (r *reader) endSized(at int, values, size uint32) bool {
	r.put("}")
	if at-r.start <= r.limit {
		tail := append(r.scratch[:0], '(')
		tail = append(strconv.AppendUint(tail, uint64(size), 10), ')')
		r.out = slices.Insert(r.out, at, tail...)
	}
	count, ok := r.varint()
	return ok && count == values
}
