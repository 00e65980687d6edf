package sqldb

import "fmt"

// Bounds of a group, so that it holds the lock for about a quarter of a second at most:
// see kv/DESIGN.md. (Rows travel as JSON in arguments, and sqld takes strings of at most
// 5 MB and holds its lock for at most 5 s.)
const (
	maxGroupOps   = 1000
	maxGroupReads = 4000
	maxGroupBytes = 2 << 20
	maxGroupRows  = 10_000
)

// What operations write that nobody notices to wait for.
const (
	lightBytes = 64 << 10
	lightRows  = 100
)

// load is how much there is in a group.
type load struct{ ops, reads, bytes, rows, locked int }

// add counts one more. The first one fits however heavy it is, and leaves half of the
// group to others: those that are light need not wait for all that are heavy.
func (l *load) add(w *waiting) {
	bytes, rows := w.written(), w.op.Rows
	if l.ops == 0 {
		bytes, rows = min(bytes, maxGroupBytes/2), min(rows, maxGroupRows/2)
	}
	l.ops++
	l.reads += w.op.reads()
	l.bytes += bytes
	l.rows += rows
	l.locked += w.op.lockedBytes()
}

// written is about how many bytes the operation writes.
func (w *waiting) written() int { return w.bytes + w.op.Again }

// takes tells whether the group stays within its bounds with another operation.
func (l load) takes(w *waiting) bool {
	l.add(w)
	return l.reads <= maxGroupReads && l.bytes <= maxGroupBytes && l.rows <= maxGroupRows && l.locked <= MaxAnswer
}

// Weigh is for an operation that turns out to write so many bytes again, as in Op.Again:
// Apply must return its error. If the operation has not said so, it then waits for a group
// that has room for it, and is applied anew.
func (tx *Tx) Weigh(bytes int) error {
	if bytes <= lightBytes || bytes <= tx.again {
		return nil
	}
	return heavierError(bytes)
}

// heavierError is how many bytes an operation writes again that has said less.
type heavierError int

func (e heavierError) Error() string {
	return fmt.Sprintf("the operation writes %d bytes more", int(e))
}

// light tells whether nobody notices to wait for the operation.
func (w *waiting) light() bool {
	return w.returns == 0 && w.op.Locked == nil && w.written() <= lightBytes && w.op.Rows <= lightRows
}
