package v8value

import (
	"bytes"
	"fmt"

	"github.com/buntime/keyval/internal/strictjson"
)

// reader checks V8 data and writes them as JSON in one go. What JSON cannot hold it
// writes as a person would recognise it, and from there on it writes no more than the
// text of a v8 form can take.
type reader struct {
	input
	version uint32
	lenient bool // views of version 13 have flags, which a bug of V8's once wrote

	out   []byte
	start int  // where out begins to be ours
	limit int  // how much is written once out is not JSON
	exact bool // out is JSON so far

	depth   int
	objects objects
	names   names
	bigint  bigint // the last one
	buffer  buffer // the last one
	rewrite rewrite

	room    [16]uint32
	scratch [64]byte
}

// kind is what a value is, as far as what surrounds it must know.
type kind byte

const (
	broken kind = iota // V8 could not read it
	primitive
	bigintKind
	object
	bufferKind
)

// read reads the one value of data.
func (r *reader) read(data []byte, lenient bool) kind {
	*r = reader{
		input: input{data: data}, lenient: lenient,
		out: r.out[:r.start], start: r.start, limit: r.limit, exact: r.limit > 0,
		rewrite: rewrite{copying: r.rewrite.copying},
	}
	r.names = r.room[:0]
	if bytes.IndexByte(data, tagReference) >= 0 {
		r.objects = newObjects(len(data))
	}
	if !r.header() {
		return broken
	}
	return r.value()
}

// readAny is read, and a second time for what a bug of V8's wrote as version 13, as
// V8 does.
func (r *reader) readAny(data []byte) (kind, error) {
	k := r.read(data, false)
	if k == broken && r.version == oldestVersion {
		k = r.read(data, true)
	}
	if k == broken {
		return k, fmt.Errorf("%w: V8 could not read it, from byte %d of %d on", ErrInvalid, min(r.pos, len(data)), len(data))
	}
	return k, nil
}

func (r *reader) header() bool {
	if len(r.data) == 0 || r.data[0] != tagVersion {
		return false
	}
	r.pos++
	version, ok := r.varint()
	r.version = version
	return ok && version >= oldestVersion && version <= latestVersion
}

// value reads a value and, if it is a buffer, the view on it that may follow.
func (r *reader) value() kind {
	k := r.single()
	if k != bufferKind {
		return k
	}
	if tag, ok := r.peekTag(); ok && tag == tagView {
		return r.view()
	}
	r.putBuffer()
	return k
}

func (r *reader) single() kind {
	tag, ok := r.contentTag()
	if !ok {
		return broken
	}
	switch tag {
	case tagNull:
		return r.word("null", true)
	case tagTrue:
		return r.word("true", true)
	case tagFalse:
		return r.word("false", true)
	case tagUndefined:
		return r.word("undefined", false)
	case tagInt32, tagUint32, tagDouble:
		return r.number(r.numberAfter(tag))
	case tagBigInt:
		return r.bigInt()
	case tagOneByte, tagTwoByte, tagUTF8:
		return r.string(r.textAfter(tag))
	case tagReference:
		return r.reference()
	case tagDate:
		return r.date()
	case tagTrueObject, tagFalseObject, tagNumberObject, tagBigIntObject, tagStringObject:
		return r.wrapper(tag)
	case tagRegExp:
		return r.regExp()
	case tagBuffer, tagResizable, tagImmutable:
		return r.arrayBuffer(tag)
	case tagHostObject:
		return r.hostObject()
	}
	return r.container(tag)
}

// container reads what holds other values. One that nests too deep for JSON is read
// on; one that nests too deep for V8 is not.
func (r *reader) container(tag byte) kind {
	if r.depth++; r.depth > strictjson.MaxDepth {
		r.exact = false
	}
	ok := r.depth <= maxNesting && r.contents(tag)
	r.depth--
	if !ok {
		return broken
	}
	return object
}

func (r *reader) contents(tag byte) bool {
	switch tag {
	case tagObject:
		return r.object()
	case tagDense:
		return r.dense()
	case tagSparse:
		return r.sparse()
	case tagMap:
		return r.mapEntries()
	case tagSet:
		return r.setValues()
	case tagError:
		return r.error()
	}
	return false
}

// begin gives the object whose tag was just read its id.
func (r *reader) begin() (id uint32) { return r.objects.begin(r.pos - 1) }

// full tells that nothing more is written.
func (r *reader) full() bool { return !r.exact && len(r.out)-r.start > r.limit }

func (r *reader) put(s string) {
	if !r.full() {
		r.out = append(r.out, s...)
	}
}

func (r *reader) putByte(c byte) {
	if !r.full() {
		r.out = append(r.out, c)
	}
}

// putExtra is put of what is no JSON.
func (r *reader) putExtra(s string) {
	r.exact = false
	r.put(s)
}

func (r *reader) word(s string, exact bool) kind {
	r.exact = r.exact && exact
	r.put(s)
	return primitive
}

func (r *reader) number(f float64, ok bool) kind {
	if !ok {
		return broken
	}
	r.exact = r.exact && exactNumber(f)
	if !r.full() {
		r.out = appendNumber(r.out, f)
	}
	return primitive
}

func (r *reader) string(t text, ok bool) kind {
	if !ok {
		return broken
	}
	r.exact = r.exact && t.isExact()
	if !r.full() {
		r.out = r.shown(t).appendJSON(r.out)
	}
	return primitive
}

// shown is as much of t as there is room for.
func (r *reader) shown(t text) text {
	if r.exact {
		return t
	}
	return t.clip(maxText)
}

// stringValue reads a value that must be a string.
func (r *reader) stringValue() (text, bool) {
	tag, ok := r.contentTag()
	if !ok || tag != tagOneByte && tag != tagTwoByte && tag != tagUTF8 {
		return text{}, false
	}
	return r.textAfter(tag)
}

// reference reads a reference to an object before it, or around it.
func (r *reader) reference() kind {
	pos := r.pos - 1
	id, ok := r.varint()
	if !ok {
		return broken
	}
	r.rewrite.refer(r, pos, id)
	return r.referTo(id)
}

// putRaw shows t without quotes.
func (r *reader) putRaw(t text) {
	if !r.full() {
		r.out = t.clip(maxText).appendRaw(r.out)
	}
}
