package v8value

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

var seed = maphash.MakeSeed()

// name is the name of a property: a text, or a number if tag is tagDouble.
type name struct {
	text
	number float64
}

// name reads the name of a property. V8 takes nothing for one but strings and numbers.
func (in *input) name() (name, bool) {
	tag, ok := in.contentTag()
	if !ok {
		return name{}, false
	}
	n := name{text: text{tag: tagDouble}}
	switch tag {
	case tagOneByte, tagTwoByte, tagUTF8:
		n.text, ok = in.textAfter(tag)
	case tagInt32, tagUint32, tagDouble:
		n.number, ok = in.numberAfter(tag)
	default:
		return name{}, false
	}
	return n, ok
}

// index is the array index that n is, as V8 sees it.
func (n name) index() (uint32, bool) {
	if n.tag == tagDouble {
		ok := n.number >= 0 && n.number < math.MaxUint32 && n.number == math.Trunc(n.number)
		return uint32(n.number), ok
	}
	return parseIndex(n.bytes(nil))
}

func (n name) appendJSON(dst []byte) []byte {
	if n.tag != tagDouble {
		return n.text.appendJSON(dst)
	}
	return append(appendPropertyNumber(append(dst, '"'), n.number), '"')
}

// appendPropertyNumber is appendNumber, but -0 names the same property as 0.
func appendPropertyNumber(dst []byte, f float64) []byte { return appendNumber(dst, f+0) }

// bytes are the same for two names of one property, however they are written, and
// otherwise not. They share memory with n or scratch.
func (n name) bytes(scratch []byte) []byte {
	switch {
	case n.tag == tagDouble:
		return appendPropertyNumber(scratch, n.number)
	case n.tag == tagOneByte && isASCII(n.raw):
		return n.raw
	}
	return n.appendRaw(scratch)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// names are those of the objects that are being read, each as where it stands in the
// data and, in the bits that leaves, a hash.
type names []uint32

func (r *reader) addName(n name, pos int) {
	if len(r.names) == cap(r.names) {
		r.names = r.names.grow(len(r.data) - pos)
	}
	hash := uint32(maphash.Bytes(seed, n.bytes(r.scratch[:0])))
	r.names = append(r.names, hash<<r.positionBits()|uint32(pos))
}

func (r *reader) positionBits() int { return bits.Len(uint(len(r.data))) }

// grow makes room for what most objects need, and then, once, for all the names that
// can follow in left bytes: one and its value take three at least.
func (n names) grow(left int) names {
	room := left/3 + 1
	if len(n) < usualNames {
		room = min(room, usualNames)
	}
	return append(make(names, 0, len(n)+room), n...)
}

const usualNames = 256

// unique tells whether no name since base occurs twice, and forgets them.
func (r *reader) unique(base int) bool {
	added := r.names[base:]
	r.names = r.names[:base]
	slices.SortFunc(added, r.compareNames)
	for i := 1; i < len(added); i++ {
		if r.compareNames(added[i-1], added[i]) == 0 {
			return false
		}
	}
	return true
}

// compareNames puts names into an order, that of their hashes first; 0: they are one.
func (r *reader) compareNames(a, b uint32) int {
	if order := cmp.Compare(a>>r.positionBits(), b>>r.positionBits()); order != 0 {
		return order
	}
	return bytes.Compare(r.nameAt(a).bytes(nil), r.nameAt(b).bytes(nil))
}

// nameAt is a name again.
func (r *reader) nameAt(added uint32) name {
	pos := added & (1<<r.positionBits() - 1)
	n, _ := (&input{data: r.data, pos: int(pos)}).name()
	return n
}
