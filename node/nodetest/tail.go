package nodetest

import "sync"

// tailBytes is how much of a program's output is kept.
const tailBytes = 256 << 10

// tailBuffer keeps the last tailBytes of what is written to it. Its methods may
// be called by several goroutines at once.
type tailBuffer struct {
	mu    sync.Mutex
	bytes []byte
	lost  int64 // how many earlier bytes were given up
}

func newTailBuffer() *tailBuffer { return &tailBuffer{} }

// Write never fails and never blocks for long, so that a program is not slowed
// down by being watched.
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes = append(b.bytes, p...)
	// Moving the tail to the front only once it is twice as long keeps the cost
	// of a write proportional to its length.
	if len(b.bytes) > 2*tailBytes {
		kept := copy(b.bytes, b.bytes[len(b.bytes)-tailBytes:])
		b.lost += int64(len(b.bytes) - kept)
		b.bytes = b.bytes[:kept]
	}
	return len(p), nil
}

// String returns what is kept, marked if it is not all.
func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.bytes) > tailBytes || b.lost > 0 {
		return "[…]" + string(b.bytes[max(0, len(b.bytes)-tailBytes):])
	}
	return string(b.bytes)
}

// written is how many bytes have been written in all.
func (b *tailBuffer) written() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost + int64(len(b.bytes))
}

// after returns what was written after the first n bytes and is still kept.
func (b *tailBuffer) after(n int64) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.bytes[min(max(0, n-b.lost), int64(len(b.bytes))):])
}
