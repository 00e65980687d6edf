package nodetest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// proxyConn is one client's connection and its counterpart to the server.
type proxyConn struct {
	proxy  *FaultProxy
	client *net.TCPConn
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	mu       sync.Mutex // covers the fields below
	server   *net.TCPConn
	fault    *Fault        // meets the first byte of the next answer
	answered chan struct{} // closed at that byte; nil when no answer is due
}

func newProxyConn(p *FaultProxy, client *net.TCPConn) *proxyConn {
	c := &proxyConn{proxy: p, client: client}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// serve forwards in both directions until both are at their end.
func (c *proxyConn) serve() {
	if !c.proxy.await(c, isBlackHole) || !c.dial() {
		c.reset()
		return
	}
	var answers sync.WaitGroup
	answers.Go(c.forwardAnswers)
	c.forwardRequests()
	answers.Wait()
	c.close()
}

// dial connects to the target; false means that the client is to be sent away.
func (c *proxyConn) dial() bool {
	var dialer net.Dialer
	server, err := dialer.DialContext(c.ctx, "tcp", c.proxy.target)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server.(*net.TCPConn)
	return true
}

// forwardRequests forwards requests until the client stops or a fault ends it.
func (c *proxyConn) forwardRequests() {
	requests := newRequestReader(c.client)
	late := false // whether the newest request was held before it was forwarded
	for {
		request, err := requests.next()
		if err != nil {
			c.endRequests(err, late)
			return
		}
		fault := c.proxy.meet(request)
		if !c.beforeRequest(request, fault) {
			c.reset()
			return
		}
		late = fault != nil && fault.kind == holdRequest
		c.expectAnswer(fault)
		if _, err := c.server.Write(request.bytes); err != nil {
			c.reset()
			return
		}
	}
}

// beforeRequest does what has to happen before a request is forwarded; false
// means that it is not to be.
func (c *proxyConn) beforeRequest(request *rawRequest, fault *Fault) bool {
	if fault != nil && !c.applyToRequest(request, fault) {
		return false
	}
	if d := c.proxy.delay(); d > 0 {
		select {
		case <-time.After(d):
		case <-c.ctx.Done():
			return false
		}
	}
	return c.proxy.await(c, isBlackHole)
}

// applyToRequest makes a fault happen to its request; false means that the
// request is not to be forwarded.
func (c *proxyConn) applyToRequest(request *rawRequest, fault *Fault) bool {
	switch fault.kind {
	case noteRequest:
		fault.happen()
	case cutRequest:
		c.proxy.cut(c, c.reset)
		fault.happen()
		return false
	case holdRequest:
		if !fault.hold(c.ctx) {
			c.proxy.cut(c, c.reset)
			return false
		}
	case duplicateRequest:
		// The first answer is nobody's, and so is its error.
		_, _, _ = sendRaw(c.ctx, c.proxy.target, request.bytes)
		fault.happen()
	case cutAnswer, holdAnswer: // forwardAnswers makes them happen
	}
	return true
}

// endRequests passes on that the client sends nothing more. A late request keeps
// its connection until it is answered, or sqld would give it up.
func (c *proxyConn) endRequests(err error, late bool) {
	if late {
		c.awaitAnswer()
	}
	if errors.Is(err, io.EOF) {
		_ = c.server.CloseWrite()
		return
	}
	c.reset()
}

// expectAnswer notes that a request is about to be forwarded.
func (c *proxyConn) expectAnswer(fault *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
	c.answered = make(chan struct{})
}

// awaitAnswer returns when the answer that is due has begun.
func (c *proxyConn) awaitAnswer() {
	c.mu.Lock()
	answered := c.answered
	c.mu.Unlock()
	if answered == nil {
		return
	}
	select {
	case <-answered:
	case <-c.ctx.Done():
	}
}

// beginAnswer returns the fault that waited for the answer that begins now, nil
// if there is none or the answer began before.
func (c *proxyConn) beginAnswer() *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered == nil {
		return nil
	}
	close(c.answered)
	c.answered = nil
	return c.fault
}

// forwardAnswers forwards what the server sends until it stops or a fault ends it.
func (c *proxyConn) forwardAnswers() {
	buffer := make([]byte, 64<<10)
	var cut *Fault // the fault that cuts this connection after left more bytes
	left := 0
	for {
		n, err := c.server.Read(buffer)
		if err != nil && n == 0 {
			c.endAnswers(err)
			return
		}
		chunk, fault := buffer[:n], c.beginAnswer()
		if !c.beforeAnswer(fault) {
			c.reset()
			return
		}
		if fault != nil && fault.kind == cutAnswer {
			cut, left = fault, fault.after
		}
		if cut != nil {
			chunk = chunk[:min(left, n)]
			left -= len(chunk)
		}
		if _, err := c.client.Write(chunk); err != nil {
			c.reset()
			return
		}
		if cut != nil && left == 0 {
			c.cutAnswer(cut)
			return
		}
	}
}

// beforeAnswer does what has to happen before bytes of an answer are forwarded;
// false means that they are not to be.
func (c *proxyConn) beforeAnswer(fault *Fault) bool {
	if fault != nil && fault.kind == holdAnswer {
		c.proxy.countHeld(+1)
		released := fault.hold(c.ctx)
		c.proxy.countHeld(-1)
		if !released {
			c.proxy.cut(c, c.reset)
			return false
		}
	}
	return c.proxy.await(c, isBlackHole) && c.proxy.awaitAnswers(c)
}

// cutAnswer ends the connection after what was let through of an answer. If that
// is something, the connection is closed in order, because a reset would let the
// client's kernel throw it away unread.
func (c *proxyConn) cutAnswer(fault *Fault) {
	how := c.reset
	if fault.after > 0 {
		how = c.close
	}
	c.proxy.cut(c, how)
	fault.happen()
}

// endAnswers passes on that the server sends nothing more.
func (c *proxyConn) endAnswers(err error) {
	if errors.Is(err, io.EOF) {
		_ = c.client.CloseWrite()
		return
	}
	c.reset()
}

// close closes both sides in order: what was sent still arrives.
func (c *proxyConn) close() { c.end(false) }

// reset closes both sides at once: their ends get "connection reset by peer".
func (c *proxyConn) reset() { c.end(true) }

// end closes both sides. Calls after the first do nothing.
func (c *proxyConn) end(reset bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
	for _, conn := range []*net.TCPConn{c.client, c.server} {
		if conn == nil {
			continue
		}
		if reset {
			_ = conn.SetLinger(0)
		}
		_ = conn.Close()
	}
}
