package v8value

import (
	"encoding/binary"
	"math"
)

// input is the data and how far they have been read. Its methods return false where
// the data end early.
type input struct {
	data []byte
	pos  int
}

// tag reads the next tag; padding before it does not count.
func (in *input) tag() (byte, bool) {
	tag, ok := in.peekTag()
	in.pos++
	return tag, ok
}

// peekTag is the next tag. It stays unread, without the padding before it.
func (in *input) peekTag() (byte, bool) {
	for ; in.pos < len(in.data); in.pos++ {
		if tag := in.data[in.pos]; tag != tagPadding {
			return tag, true
		}
	}
	return 0, false
}

// contentTag is the next tag that is no object count.
func (in *input) contentTag() (byte, bool) {
	for {
		tag, ok := in.tag()
		if !ok || tag != tagObjectCount {
			return tag, ok
		}
		if _, ok := in.varint(); !ok {
			return 0, false
		}
	}
}

// varint reads seven bits a byte. As V8 does, it takes five bytes at most and drops
// bits beyond the 32nd.
func (in *input) varint() (uint32, bool) {
	if in.pos < len(in.data) && in.data[in.pos] < 0x80 {
		in.pos++
		return uint32(in.data[in.pos-1]), true
	}
	return in.longVarint(32)
}

// byteVarint is varint for what V8 reads into a byte.
func (in *input) byteVarint() (byte, bool) {
	v, ok := in.longVarint(8)
	return byte(v), ok
}

func (in *input) longVarint(bits int) (v uint32, ok bool) {
	for shift := 0; shift < bits; shift += 7 {
		if in.pos >= len(in.data) {
			return 0, false
		}
		b := in.data[in.pos]
		in.pos++
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v, true
		}
	}
	return v, in.pos < len(in.data) // as V8, which looks at the next byte without reading it
}

// zigzag reads a signed integer.
func (in *input) zigzag() (int32, bool) {
	v, ok := in.varint()
	return int32(v>>1) ^ -int32(v&1), ok
}

// numberAfter reads the number that follows its tag: tagInt32, tagUint32 or tagDouble.
func (in *input) numberAfter(tag byte) (float64, bool) {
	switch tag {
	case tagInt32:
		i, ok := in.zigzag()
		return float64(i), ok
	case tagUint32:
		u, ok := in.varint()
		return float64(u), ok
	}
	return in.double()
}

func (in *input) double() (float64, bool) {
	b, ok := in.bytes(8)
	if !ok {
		return 0, false
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), true
}

func (in *input) bytes(n uint32) ([]byte, bool) {
	if uint64(n) > uint64(in.left()) {
		return nil, false
	}
	b := in.data[in.pos : in.pos+int(n)]
	in.pos += int(n)
	return b, true
}

// counted reads a length and so many bytes.
func (in *input) counted() ([]byte, bool) {
	n, ok := in.varint()
	if !ok {
		return nil, false
	}
	return in.bytes(n)
}

// left may be read after a tag that was not there, when pos is beyond the end.
func (in *input) left() int { return max(0, len(in.data)-in.pos) }
