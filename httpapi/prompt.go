package httpapi

import (
	"bytes"
	"net"
	"syscall"
)

// A prompt acknowledges what has been read of a connection at once. Deno sends the rest
// of a request only when its beginning has been acknowledged (it leaves Nagle's algorithm
// on, RFC 896), and a kernel that waits for something to send along does so for 40 ms
// (RFC 1122, 4.2.3.2): of each set of more than a kilobyte. Others need it not, and it is
// a system call for each read.
type prompt struct {
	raw   syscall.RawConn // nil where there is no need
	begun bool
}

// read is told of what has been read of a connection.
func (p *prompt) read(conn *net.TCPConn, data []byte) {
	if !p.begun && len(data) > 0 {
		p.begun = true
		if mayBeHTTP2(data) {
			p.raw, _ = conn.SyscallConn() // fails where it is closed
		}
	}
	if p.raw != nil && len(data) > 0 {
		acknowledge(p.raw)
	}
}

// mayBeHTTP2 tells by its first bytes whether a connection is HTTP/2: without TLS by the
// words that it begins with (RFC 9113, 3.4), behind TLS it may be.
func mayBeHTTP2(first []byte) bool {
	const handshake = 0x16 // RFC 8446, 5.1
	return first[0] == handshake || bytes.HasPrefix([]byte("PRI * HTTP/2.0"), first[:min(len(first), 14)])
}
