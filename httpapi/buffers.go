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
	// maxAnswerBytes is the most that one answer may have.
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

// errNoRoom refuses what the budget has no room for.
func errNoRoom(what string) error {
	return fmt.Errorf("%w: %s; see --max-memory-in-flight", sqldb.ErrOverloaded, what)
}

// reserve makes room for an answer of about n bytes, before it is rendered. Called
// again, it makes what room is missing.
func (c *call) reserve(n int64) error {
	if err := c.claim(n); err != nil {
		return err
	}
	c.grow(n)
	return nil
}

// makeRoom has room for n bytes in all, if there is some.
func (c *call) makeRoom(n int64) bool { return n <= freeBytes || c.answer.grow(n) }

// claim is reserve for what is rendered elsewhere.
func (c *call) claim(n int64) error {
	switch most := c.mostAnswer(); {
	case n > most:
		return fmt.Errorf("%w: the answer has more than %d MiB; ask for less at once, or use /keys/paginate", kv.ErrTooLarge, most>>20)
	case n > freeBytes && !c.growAnswer(n):
		return errNoRoom("too many large requests and answers are on their way")
	}
	return nil
}

// growAnswer takes room for small bodies, too, to show what goes on.
func (c *call) growAnswer(n int64) bool {
	return c.answer.grow(n) || c.route.tag == tagOperating && c.answer.growSmall(n)
}

// mostAnswer is what one answer may have.
func (c *call) mostAnswer() int64 { return min(maxAnswerBytes, c.server.memory.limit) }

// grow gives the answer its memory at once: growing bit by bit, it would leave as much
// again for the collector.
func (c *call) grow(n int64) {
	if n > freeBytes {
		c.out = slices.Grow(c.out, int(n))
	}
}

// await makes room for the answer to what has been committed. That is not refused for
// lack of room: it would say that nothing was done, and who believes it does it twice.
// So it waits for room, and is given all the same once the caller's time is up. What
// was sent is not needed any more: who waits for room does not keep others from it.
func (c *call) await(ctx context.Context, n int64) {
	c.releaseBody()
	n = min(n, c.mostAnswer())
	if n > freeBytes && c.answer.await(ctx, n) {
		c.grow(n)
	}
}

// account makes room for the answer as it is, where the route has not made enough.
func (c *call) account(ctx context.Context) error {
	n := int64(len(c.out))
	switch {
	case n <= freeBytes || n <= c.answer.size():
		return nil
	case c.route.changes():
		ctx, cancel := c.bounded(ctx)
		defer cancel()
		c.await(ctx, n)
		return nil
	}
	return c.claim(min(n, c.mostAnswer()))
}

// releaseBody gives back what the body has held, once the operation is done.
func (c *call) releaseBody() {
	c.raw = nil
	c.content.release()
}

// release gives back what the call has held, once its answer is written or is not to
// be.
func (c *call) release() {
	c.releaseBody()
	c.answer.release()
	if c.opened != nil {
		c.server.streams.leave(c.opened)
	}
	c.server.buffers.put(c.out)
}
