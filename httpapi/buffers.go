package httpapi

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

const (
	// maxPooledBytes is the largest buffer that is kept for the next answer. Few
	// answers are larger, and those that are should not stay in memory.
	maxPooledBytes = 64 << 10
	// largeAnswerBytes is the size from which an answer counts against
	// maxInFlightBytes: smaller ones are bounded by the number of connections.
	largeAnswerBytes = 1 << 20
	// maxInFlightBytes bounds what large answers hold while slow readers take
	// them. Beyond it a node says 429.
	maxInFlightBytes = 256 << 20
	// maxAnswerBytes is the budget of one answer.
	maxAnswerBytes = 64 << 20
)

// bufferPool holds the memory of answers that have been sent.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 1024)
}

func (p *bufferPool) put(b []byte) {
	if cap(b) > 0 && cap(b) <= maxPooledBytes {
		p.pool.Put(&b)
	}
}

// reserve makes room for an answer of about n bytes, before it is rendered. Called
// again, it makes what room is missing.
func (c *call) reserve(n int64) error {
	switch {
	case n > maxAnswerBytes:
		return fmt.Errorf("%w: the answer has more than 64 MiB; ask for less at once, or use /keys/paginate", kv.ErrTooLarge)
	case n < largeAnswerBytes || n <= c.reserved:
		return nil
	case !c.server.inFlight.TryAcquire(n - c.reserved):
		return fmt.Errorf("%w: too many large answers are on their way", sqldb.ErrOverloaded)
	}
	c.hold(n)
	return nil
}

// makeRoom has room for n bytes in all, if there is some.
func (c *call) makeRoom(n int64) bool {
	if n < largeAnswerBytes || n <= c.reserved {
		return true
	}
	if !c.server.inFlight.TryAcquire(n - c.reserved) {
		return false
	}
	c.reserved = n
	return true
}

// hold notes what has been reserved. The answer has its memory at once: growing, it would
// leave as much again for the collector.
func (c *call) hold(n int64) {
	c.reserved = n
	c.out = slices.Grow(c.out, int(n))
}

// await makes room for the answer to what has been committed. That is not refused for
// lack of room: it would say that nothing was done, and who believes it does it twice.
// So it waits for room, and is given all the same once the caller's time is up.
func (c *call) await(ctx context.Context, n int64) {
	n = min(n, maxAnswerBytes)
	if n < largeAnswerBytes || n <= c.reserved {
		return
	}
	if err := c.server.inFlight.Acquire(ctx, n-c.reserved); err == nil {
		c.hold(n)
	}
}

// release gives back what the call has held, once its answer is written.
func (c *call) release() {
	if c.reserved > 0 {
		c.server.inFlight.Release(c.reserved)
	}
	c.server.buffers.put(c.out)
}
