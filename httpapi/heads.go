package httpapi

import (
	"context"
	"net"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	// freeHeadBytes is how long the head of a request may be without counting: a
	// connection costs as much by being there.
	freeHeadBytes = 8 << 10
	// defaultHeads is ConnectionLimits.Heads where it says nothing.
	defaultHeads = 32 << 20
)

// A head is what one connection has read of a request before anything is known of it.
// net/http bounds each head alone; a thousand connections that each send all of one but
// its end would take a gigabyte. What is over freeHeadBytes takes room that all of them
// have between them, until its request is over.
type head struct {
	room *semaphore.Weighted

	mu       sync.Mutex // covers what follows
	read     int64
	taken    int64
	complete bool // what is read now belongs to no head
}

// count takes room for n more bytes, unless there is none.
func (h *head) count(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.complete {
		return true
	}
	h.read += int64(n)
	more := h.read - freeHeadBytes - h.taken
	if more <= 0 {
		return true
	}
	if !h.room.TryAcquire(more) {
		return false
	}
	h.taken += more
	return true
}

// end is called when a head has been read: its request has it now.
func (h *head) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.complete = true
}

// begin is called when a request is over: what is read now is the head of the next one.
func (h *head) begin() { h.leave(false) }

// forget is for a connection that is closed, or read by others than net/http's HTTP/1.
func (h *head) forget() { h.leave(true) }

func (h *head) leave(complete bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.room.Release(h.taken)
	h.read, h.taken, h.complete = 0, 0, complete
}

// headOf is that of a connection, also below TLS; nil for one that is not counted.
func headOf(conn net.Conn) *head {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = wrapped.NetConn()
	}
	if c, ok := conn.(*countedConn); ok {
		return c.head
	}
	return nil
}

// headKey is where a request's context has its connection's head.
type headKey struct{}

func withHead(ctx context.Context, conn net.Conn) context.Context {
	if h := headOf(conn); h != nil {
		return context.WithValue(ctx, headKey{}, h)
	}
	return ctx
}

// endHead tells a request's head that it has been read. HTTP/2 reads many heads at a
// time: only that of its first request is counted.
func endHead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := r.Context().Value(headKey{}).(*head); ok {
			if r.ProtoMajor == 1 {
				h.end()
			} else {
				h.forget()
			}
		}
		next.ServeHTTP(w, r)
	})
}

// followHead is a server's ConnState.
func followHead(conn net.Conn, state http.ConnState) {
	h := headOf(conn)
	switch {
	case h == nil:
	case state == http.StateIdle:
		h.begin()
	case state == http.StateHijacked:
		h.forget()
	}
}
