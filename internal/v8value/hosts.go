package v8value

import (
	"encoding/binary"
	"slices"
)

// hosts rewrites the views that Node.js has written in its own way as V8 writes them.
// Each takes two ids then, one of them for its buffer, so that references to what
// comes after it change.
type hosts struct {
	some    bool // there are such views
	copying bool
	copy    []byte
	done    int      // the data up to here are in copy
	ids     []uint32 // of such views, in the data
}

// add takes in the view whose tag stands at pos.
func (h *hosts) add(r *reader, pos int, id uint32, e element, bytes []byte) {
	h.some = true
	if !h.copying {
		return
	}
	h.ids = append(h.ids, id)
	h.upTo(r, pos)
	h.copy = binary.AppendUvarint(append(h.copy, tagBuffer), uint64(len(bytes)))
	h.copy = append(append(h.copy, bytes...), tagView, e.tag, 0)
	h.copy = binary.AppendUvarint(h.copy, uint64(len(bytes)-len(bytes)%e.size))
	if r.version >= flagsVersion || r.lenient {
		h.copy = append(h.copy, 0)
	}
}

// refer takes in a reference whose tag stands at pos.
func (h *hosts) refer(r *reader, pos int, id uint32) {
	if !h.copying {
		return
	}
	h.upTo(r, pos)
	before, itself := slices.BinarySearch(h.ids, id)
	if itself {
		before++
	}
	h.copy = binary.AppendUvarint(append(h.copy, tagReference), uint64(id)+uint64(before))
}

// upTo copies the data between the last piece and the one at pos, which has been read.
func (h *hosts) upTo(r *reader, pos int) {
	h.copy = append(h.copy, r.data[h.done:pos]...)
	h.done = r.pos
}

// withoutHosts is data, which r has read, or what they are after the rewriting.
func (r *reader) withoutHosts(data []byte) []byte {
	if !r.hosts.some {
		return data
	}
	r.hosts.copying, r.limit = true, unwritten
	r.read(data, r.lenient)
	r.hosts.upTo(r, len(data))
	return r.hosts.copy
}
