package v8value

import (
	"math/bits"
	"sort"
)

// objects finds where the object with an id begins in the data. V8 numbers objects as
// they begin. It has a bit for each byte of the data and a count for each 64 of them,
// so that a table of a million objects costs no more than a fifth of their data.
type objects struct {
	begins []uint64 // a bit for each byte of the data
	before []uint32 // objects that begin before each word of begins
	n      uint32
}

func newObjects(size int) objects {
	words := size/64 + 1
	return objects{begins: make([]uint64, words), before: make([]uint32, 0, words)}
}

// begin gives the next id to the object that begins at pos.
func (o *objects) begin(pos int) (id uint32) {
	id = o.n
	o.n++
	if o.begins == nil {
		return id
	}
	for len(o.before) <= pos/64 {
		o.before = append(o.before, id)
	}
	o.begins[pos/64] |= 1 << (pos % 64)
	return id
}

// position is where the object with this id begins.
func (o *objects) position(id uint32) (pos int, ok bool) {
	if id >= o.n {
		return 0, false
	}
	word := sort.Search(len(o.before), func(i int) bool { return o.before[i] > id }) - 1
	rest := o.begins[word]
	for range id - o.before[word] {
		rest &= rest - 1
	}
	return 64*word + bits.TrailingZeros64(rest), true
}
