package v8value

import (
	"hash/maphash"
	"math"
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
	case tagInt32:
		var i int32
		i, ok = in.zigzag()
		n.number = float64(i)
	case tagUint32:
		var u uint32
		u, ok = in.varint()
		n.number = float64(u)
	case tagDouble:
		n.number, ok = in.double()
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

// names are those of the objects that are being read, each as its hash and where it
// stands in the data.
type names []uint64

func (r *reader) addName(n name, pos int) {
	if len(r.names) == cap(r.names) {
		r.names = r.names.grow(len(r.data) - pos)
	}
	hash := maphash.Bytes(seed, n.bytes(r.scratch[:0]))
	r.names = append(r.names, hash<<32|uint64(pos))
}

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
	if len(added) <= 8 {
		for i, a := range added {
			if !r.isNew(a, added[:i]) {
				return false
			}
		}
		return true
	}
	slices.Sort(added)
	for i, same := 1, 0; i < len(added); i++ {
		if added[i]>>32 != added[same]>>32 {
			same = i
		}
		if !r.isNew(added[i], added[same:i]) {
			return false
		}
	}
	return true
}

func (r *reader) isNew(a uint64, others names) bool {
	for _, b := range others {
		if a>>32 == b>>32 && r.sameName(uint32(a), uint32(b)) {
			return false
		}
	}
	return true
}

// sameName compares the names that stand at a and b.
func (r *reader) sameName(a, b uint32) bool {
	return string(r.nameAt(a).bytes(nil)) == string(r.nameAt(b).bytes(nil))
}

func (r *reader) nameAt(pos uint32) name {
	n, _ := (&input{data: r.data, pos: int(pos)}).name()
	return n
}
