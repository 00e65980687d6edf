package v8value

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// buffer is an ArrayBuffer, where a view can follow.
type buffer struct {
	bytes     []byte
	resizable bool
	reference bool // it is a reference to the one with this id
	id        uint32
}

func (r *reader) arrayBuffer(tag byte) kind {
	id := r.begin()
	b, ok := r.bufferBody(tag)
	if !ok {
		return broken
	}
	r.exact = false
	r.buffer = b
	r.buffer.id = id
	return bufferKind
}

func (in *input) bufferBody(tag byte) (b buffer, ok bool) {
	length, ok := in.varint()
	if !ok {
		return b, false
	}
	if b.resizable = tag == tagResizable; b.resizable {
		limit, ok := in.varint()
		if !ok || length > limit {
			return b, false
		}
	}
	b.bytes, ok = in.bytes(length)
	return b, ok
}

// referTo takes up the object with this id, which must have begun. That it may be an
// Error that has not ended is newer than Node 20.
func (r *reader) referTo(id uint32) kind {
	pos, ok := r.objects.position(id)
	if !ok {
		return broken
	}
	r.exact = false
	switch tag := r.data[pos]; tag {
	case tagBuffer, tagResizable, tagImmutable:
		r.buffer, _ = (&input{data: r.data, pos: pos + 1}).bufferBody(tag)
		r.buffer.reference, r.buffer.id = true, id
		return bufferKind
	}
	r.putReference(id)
	return object
}

func (r *reader) putReference(id uint32) {
	if !r.full() {
		r.out = append(strconv.AppendUint(append(r.out, "<ref *"...), uint64(id), 10), '>')
	}
}

// putBuffer shows the last buffer, once it is known that no view follows.
func (r *reader) putBuffer() {
	if r.buffer.reference {
		r.putReference(r.buffer.id)
		return
	}
	r.putElements(elements[uint8Array], "ArrayBuffer", r.buffer.bytes)
}

const uint8Array = 1 // in elements

// element is what a view of one class has in it.
type element struct {
	tag   byte
	class string
	size  int
}

// elements by the number that Node.js gives their class when it writes a view.
// Number 10 is Node's Buffer.
var elements = [...]element{
	{'b', "Int8Array", 1}, {'B', "Uint8Array", 1}, {'C', "Uint8ClampedArray", 1}, {'w', "Int16Array", 2}, {'W', "Uint16Array", 2},
	{'d', "Int32Array", 4}, {'D', "Uint32Array", 4}, {'f', "Float32Array", 4}, {'F', "Float64Array", 8}, {'?', "DataView", 1},
	{'B', "Uint8Array", 1}, {'q', "BigInt64Array", 8}, {'Q', "BigUint64Array", 8}, {'h', "Float16Array", 2},
}

// view reads a view on the last buffer.
func (r *reader) view() kind {
	r.pos++
	pos := r.pos - 1
	tag, ok := r.byteVarint()
	if !ok {
		return broken
	}
	i := slices.IndexFunc(elements[:], func(e element) bool { return e.tag == tag })
	bytes, offset, ok := r.viewBytes()
	if i < 0 || !ok || !r.viewFlags() {
		return broken
	}
	e := elements[i]
	if offset%uint32(e.size) != 0 || len(bytes)%e.size != 0 {
		return broken
	}
	r.objects.begin(pos)
	r.putElements(e, e.class, bytes)
	return object
}

// viewBytes reads offset and length and returns what lies there.
func (r *reader) viewBytes() (bytes []byte, offset uint32, ok bool) {
	if offset, ok = r.varint(); !ok {
		return nil, 0, false
	}
	length, ok := r.varint()
	if !ok || uint64(offset)+uint64(length) > uint64(len(r.buffer.bytes)) {
		return nil, 0, false
	}
	return r.buffer.bytes[offset:][:length], offset, true
}

// viewFlags reads whether the view tracks its buffer's length (1) and whether that
// can be resized (2), and compares with the buffer.
func (r *reader) viewFlags() bool {
	var set uint32
	if r.version >= flagsVersion || r.lenient {
		var ok bool
		if set, ok = r.varint(); !ok {
			return false
		}
	}
	if r.buffer.resizable {
		return set&2 != 0
	}
	return set&3 == 0
}

// hostObject reads a view as Node.js writes it.
func (r *reader) hostObject() kind {
	pos := r.pos - 1
	id := r.begin()
	class, ok := r.varint()
	if !ok || class >= uint32(len(elements)) {
		return broken
	}
	bytes, ok := r.counted()
	if !ok {
		return broken
	}
	e := elements[class]
	r.exact = false
	r.rewrite.view(r, pos, id, e, bytes)
	r.putElements(e, e.class, bytes[:len(bytes)-len(bytes)%e.size])
	return object
}

// putElements shows bytes as so many elements of a class.
func (r *reader) putElements(e element, class string, bytes []byte) {
	r.putExtra(class)
	if r.full() {
		return
	}
	r.out = append(strconv.AppendInt(append(r.out, '('), int64(len(bytes)/e.size), 10), ") ["...)
	for at := 0; at < len(bytes) && !r.full(); at += e.size {
		if at > 0 {
			r.out = append(r.out, ',')
		}
		r.out = appendElement(r.out, e.tag, bytes[at:])
	}
	r.putByte(']')
}

// appendElement appends the element of a view with this tag that b begins with.
func appendElement(dst []byte, tag byte, b []byte) []byte {
	le := binary.LittleEndian
	switch tag {
	case 'b':
		return strconv.AppendInt(dst, int64(int8(b[0])), 10)
	case 'w':
		return strconv.AppendInt(dst, int64(int16(le.Uint16(b))), 10)
	case 'W':
		return strconv.AppendUint(dst, uint64(le.Uint16(b)), 10)
	case 'd':
		return strconv.AppendInt(dst, int64(int32(le.Uint32(b))), 10)
	case 'D':
		return strconv.AppendUint(dst, uint64(le.Uint32(b)), 10)
	case 'q':
		return append(strconv.AppendInt(dst, int64(le.Uint64(b)), 10), 'n')
	case 'Q':
		return append(strconv.AppendUint(dst, le.Uint64(b), 10), 'n')
	case 'h':
		return appendNumber(dst, half(le.Uint16(b)))
	case 'f':
		return appendNumber(dst, float64(math.Float32frombits(le.Uint32(b))))
	case 'F':
		return appendNumber(dst, math.Float64frombits(le.Uint64(b)))
	}
	return strconv.AppendUint(dst, uint64(b[0]), 10)
}

// half is the number that has these bits in 16-bit floating point.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&0x3ff)
	f := math.Ldexp(fraction, -24)
	switch {
	case exponent == 31 && fraction != 0:
		f = math.NaN()
	case exponent == 31:
		f = math.Inf(1)
	case exponent > 0:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	if bits>>15 != 0 {
		f = -f
	}
	return f
}
