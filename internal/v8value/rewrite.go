package v8value

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// rewrite turns what only Node.js reads into what V8 reads everywhere: views that Node
// has written in its own way, and Errors with their parts in an older order. A view
// takes two ids then, one of them for its buffer, so that references to what comes
// after it change.
type rewrite struct {
	needed  bool // there is something to rewrite
	copying bool
	copy    []byte
	done    int      // the data up to here are in copy
	ids     []uint32 // of Node's views, in the data
}

// view takes in a view of Node's whose tag stands at pos.
func (w *rewrite) view(r *reader, pos int, id uint32, e element, bytes []byte) {
	w.needed = true
	if !w.copying {
		return
	}
	w.ids = append(w.ids, id)
	w.upTo(r, pos)
	w.copy = binary.AppendUvarint(append(w.copy, tagBuffer), uint64(len(bytes)))
	w.copy = append(append(w.copy, bytes...), tagView, e.tag, 0)
	w.copy = binary.AppendUvarint(w.copy, uint64(len(bytes)-len(bytes)%e.size))
	if r.version >= flagsVersion || r.lenient {
		w.copy = append(w.copy, 0)
	}
}

// refer takes in a reference whose tag stands at pos.
func (w *rewrite) refer(r *reader, pos int, id uint32) {
	if !w.copying {
		return
	}
	w.upTo(r, pos)
	before, itself := slices.BinarySearch(w.ids, id)
	if itself {
		before++
	}
	w.copy = binary.AppendUvarint(append(w.copy, tagReference), uint64(id)+uint64(before))
}

// mark copies all that has been read and returns where the copy ends.
func (w *rewrite) mark(r *reader) int {
	if w.copying {
		w.upTo(r, r.pos)
	}
	return len(w.copy)
}

// upTo copies the data between the last piece and the one at pos, which has been read.
func (w *rewrite) upTo(r *reader, pos int) {
	w.copy = append(w.copy, r.data[w.done:pos]...)
	w.done = r.pos
}

// rewritten is data, which r has read, or what they are after the rewriting.
func (r *reader) rewritten(data []byte) []byte {
	if !r.rewrite.needed {
		return r.portable(data)
	}
	r.rewrite.copying, r.limit = true, unwritten
	r.read(data, r.lenient)
	r.rewrite.upTo(r, len(data))
	return r.portable(r.rewrite.copy)
}

// portable has the version that all clients read in the place of a newer one.
func (r *reader) portable(data []byte) []byte {
	if r.version <= writtenVersion || data[1] != latestVersion {
		return data // or its version takes two bytes, which no V8 writes
	}
	data = bytes.Clone(data)
	data[1] = writtenVersion
	return data
}
