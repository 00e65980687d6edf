package route

// freeHead is how long a header is for which no room is needed: of the others, which may
// have a megabyte, a few thousand that wait would take all memory.
const freeHead = 16 << 10

// claimHead makes room for a long header for as long as the call lasts: net/http keeps it
// until then.
func (c *Call) claimHead() error {
	n := c.headBytes()
	if n <= freeHead || c.head.Grow(n) || c.Route.Tag.Operating && c.head.growSmall(n) {
		return nil
	}
	return Overloaded("too many large requests and answers are on their way to take this header")
}

// headBytes is about what the header takes.
func (c *Call) headBytes() int64 {
	const each = 64 // a line's place in the map, and the line's as a list
	n := len(c.Request.RequestURI)
	for name, values := range c.Request.Header {
		n += each + len(name)
		for _, value := range values {
			n += len(value)
		}
	}
	return int64(n)
}
