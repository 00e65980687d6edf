package v8value

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"

	"github.com/buntime/keyval/internal/strictjson"
)

// member is one of an object that is being written: where it stands, and a hash of
// its name.
type member struct {
	hash uint32
	in   uint32 // of its name, behind the quote
	out  uint32 // of its name, from the beginning of the data
	end  uint32 // of its value
}

// object writes an object. As JSON.parse makes it: a name that occurs again has its
// last value in its first place, and array indices come first, in ascending order.
func (w *writer) object() {
	w.out = append(w.out, tagObject)
	base, at := len(w.members), len(w.out)
	order := order{last: -1, kept: true}
	for w.peek() == '"' {
		w.member(&order)
		if w.peek() == ',' {
			w.advance(1)
		}
		w.peek()
	}
	w.advance(1)
	count := len(w.members) - base
	if again := w.again(base); again || !order.kept {
		count = w.rearrange(w.members[base:], at)
	}
	w.members = w.members[:base]
	w.out = append(w.out, tagObjectEnd)
	w.varint(uint32(count))
}

// order follows whether indices come first and ascend.
type order struct {
	last int64 // index, or MaxInt64 once there was a name that is none
	kept bool
}

func (o *order) next(index uint32, isIndex bool) {
	if !isIndex {
		o.last = math.MaxInt64
		return
	}
	o.kept = o.kept && int64(index) > o.last
	o.last = max(o.last, int64(index))
}

func (w *writer) member(o *order) {
	m := member{in: uint32(w.pos + 1), out: uint32(len(w.out) - w.start)}
	name := w.quoted()
	index, isIndex := nameIndex(name)
	o.next(index, isIndex)
	if isIndex {
		w.float(float64(index))
	} else {
		w.string(name)
	}
	var room [64]byte
	m.hash = uint32(maphash.Bytes(seed, unescaped(room[:0], name)))
	if w.peek() == ':' {
		w.advance(1)
	}
	w.value()
	m.end = uint32(len(w.out) - w.start)
	w.members = append(w.members, m)
}

// nameIndex is the array index that a name spells, perhaps in escapes.
func nameIndex(name []byte) (uint32, bool) {
	if len(name) == 0 || name[0] > '9' && name[0] != '\\' {
		return 0, false
	}
	const longest = 6 * len("4294967294")
	if len(name) > longest {
		return 0, false
	}
	var room [longest]byte
	return parseIndex(unescaped(room[:0], name))
}

// unescaped is name without escapes, in UTF-8; a surrogate is three bytes. It shares
// memory with name or dst.
func unescaped(dst, name []byte) []byte {
	if isPlain(name) {
		return name
	}
	for len(name) > 0 {
		r, size := decodeJSON(name)
		dst = appendWTF8(dst, r)
		name = name[size:]
	}
	return dst
}

// again tells whether a name since base occurs twice. It may leave them in another
// order.
func (w *writer) again(base int) bool {
	members := w.members[base:]
	few := len(members) <= 8
	if !few {
		slices.SortFunc(members, byHash)
	}
	for i, m := range members {
		for j := i - 1; j >= 0 && (few || members[j].hash == m.hash); j-- {
			if w.sameName(members[j], m) {
				return true
			}
		}
	}
	return false
}

func byHash(a, b member) int {
	return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.in, b.in))
}

func (w *writer) sameName(a, b member) bool {
	return a.hash == b.hash && string(unescaped(nil, w.name(a))) == string(unescaped(nil, w.name(b)))
}

func (w *writer) name(m member) []byte {
	return w.in[m.in:min(strictjson.StringEnd(w.in, int(m.in)), len(w.in))]
}

// rearrange writes the members that were written from at on in the order and with the
// values that they have in JavaScript, and returns how many are left.
func (w *writer) rearrange(members []member, at int) int {
	members = w.lastValues(members)
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(w.place(a), w.place(b)), cmp.Compare(a.in, b.in))
	})
	written := slices.Clone(w.out[at:])
	w.out = w.out[:at]
	first := uint32(at - w.start)
	for _, m := range members {
		if (uint32(len(w.out)-w.start)-m.out)%2 != 0 { // so that its strings stay at even offsets
			w.out = append(w.out, tagPadding)
		}
		w.out = append(w.out, written[m.out-first:m.end-first]...)
	}
	return len(members)
}

// place is where a member stands in relation to others: after all indices if its name
// is none.
func (w *writer) place(m member) uint32 {
	if index, ok := nameIndex(w.name(m)); ok {
		return index
	}
	return math.MaxUint32
}

// lastValues leaves one member of each name: the first, with the value of the last.
func (w *writer) lastValues(members []member) []member {
	slices.SortFunc(members, byHash)
	kept := members[:0]
next:
	for _, m := range members {
		for j := len(kept) - 1; j >= 0 && kept[j].hash == m.hash; j-- {
			if w.sameName(kept[j], m) {
				kept[j].out, kept[j].end = m.out, m.end
				continue next
			}
		}
		kept = append(kept, m)
	}
	return kept
}
