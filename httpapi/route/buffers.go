package route

import (
	"context"
	"slices"
	"sync"
)

const (
	// MaxPooledBytes is the largest buffer that is kept for the next answer. Few
	// answers are larger, and those that are should not stay in memory.
	MaxPooledBytes = 64 << 10
	// MaxAnswerBytes is the most that one answer may have.
	MaxAnswerBytes = 64 << 20
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
	if cap(b) > 0 && cap(b) <= MaxPooledBytes {
		p.pool.Put(&b)
	}
}

// Reserve makes room for an answer of about n bytes, before it is rendered. Called
// again, it makes what room is missing.
func (c *Call) Reserve(n int64) error {
	if err := c.Claim(n); err != nil {
		return err
	}
	c.grow(n)
	return nil
}

// makeRoom has room for n bytes in all, if there is some.
func (c *Call) makeRoom(n int64) bool { return n <= FreeBytes || c.answer.Grow(n) }

// Claim is Reserve for what is rendered elsewhere.
func (c *Call) Claim(n int64) error {
	switch most := c.mostAnswer(); {
	case n > most:
		return TooLarge("the answer has more than %d MiB; ask for less at once, or use /keys/paginate", most>>20)
	case n > FreeBytes && !c.growAnswer(n):
		return Overloaded("too many large requests and answers are on their way")
	}
	return nil
}

// growAnswer takes room for small bodies, too, to show what goes on.
func (c *Call) growAnswer(n int64) bool {
	return c.answer.Grow(n) || c.Route.Tag.Operating && c.answer.growSmall(n)
}

// HandAnswer gives the room that the answer has to another holder, who releases it.
func (c *Call) HandAnswer() *Share { return c.answer.hand() }

// mostAnswer is what one answer may have.
func (c *Call) mostAnswer() int64 { return min(MaxAnswerBytes, c.Frame.memory.limit) }

// grow gives the answer its memory at once: growing bit by bit, it would leave as much
// again for the collector.
func (c *Call) grow(n int64) {
	if n > FreeBytes {
		c.Out = slices.Grow(c.Out, int(n))
	}
}

// Await makes room for the answer to what has been committed. That is not refused for
// lack of room: it would say that nothing was done, and who believes it does it twice.
// So it waits for room, and is given all the same once the caller's time is up. What
// was sent is not needed any more: who waits for room does not keep others from it.
func (c *Call) Await(ctx context.Context, n int64) {
	c.ReleaseBody()
	n = min(n, c.mostAnswer())
	if n > FreeBytes && c.answer.Await(ctx, n) {
		c.grow(n)
	}
}

// account makes room for the answer as it is, where the route has not made enough.
func (c *Call) account(ctx context.Context) error {
	n := int64(len(c.Out))
	switch {
	case n <= FreeBytes || n <= c.answer.size():
		return nil
	case c.Route.Changes:
		ctx, cancel := c.Bounded(ctx)
		defer cancel()
		c.Await(ctx, n)
		return nil
	}
	return c.Claim(min(n, c.mostAnswer()))
}

// ReleaseBody gives back what the body has held, once the operation is done.
func (c *Call) ReleaseBody() {
	c.raw = nil
	c.content.Release()
}

// release gives back what the call has held, once its answer is written or is not to
// be.
func (c *Call) release() {
	c.ReleaseBody()
	c.head.Release()
	c.answer.Release()
	if c.AtEnd != nil {
		c.AtEnd()
	}
	c.Frame.buffers.put(c.Out)
	c.pass.Leave()
}
