package httpapi

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"syscall"
)

// A prompt is a connection that reads HTTP/2 as its clients need it. What has been read is
// acknowledged at once: Deno sends the rest of a request only when its beginning has been
// acknowledged (it leaves Nagle's algorithm on, RFC 896), and a kernel that waits for
// something to send along does so for 40 ms (RFC 1122, 4.2.3.2): of each set of more than a
// kilobyte. And what has come is read at once: net/http asks for each frame in two pieces,
// which are four system calls of a kv.get, and as many to acknowledge. Other connections
// need neither.
type prompt struct {
	*net.TCPConn
	rest io.Reader // what follows the first bytes; nil before them
}

// aheadBytes is what is read ahead of HTTP/2: the kv.gets that a program has in flight.
const aheadBytes = 8 << 10

// Read tells by the first bytes what the connection is.
func (p *prompt) Read(b []byte) (int, error) {
	if p.rest != nil {
		return p.rest.Read(b)
	}
	n, err := p.TCPConn.Read(b)
	if n > 0 {
		p.begin(b[:n])
	}
	return n, err
}

func (p *prompt) begin(first []byte) {
	p.rest = p.TCPConn
	if !mayBeHTTP2(first) {
		return
	}
	raw, err := p.SyscallConn()
	if err != nil {
		return // it is closed
	}
	acknowledge(raw)
	p.rest = acknowledging{p.TCPConn, raw}
	if first[0] != handshake { // crypto/tls reads ahead by itself
		p.rest = bufio.NewReaderSize(p.rest, aheadBytes)
	}
}

// acknowledging acknowledges what has been read.
type acknowledging struct {
	io.Reader
	raw syscall.RawConn
}

func (a acknowledging) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	if n > 0 {
		acknowledge(a.raw)
	}
	return n, err
}

// handshake is the first byte of TLS (RFC 8446, 5.1).
const handshake = 0x16

// mayBeHTTP2 tells by its first bytes whether a connection is HTTP/2: without TLS by the
// words that it begins with (RFC 9113, 3.4), behind TLS it may be.
func mayBeHTTP2(first []byte) bool {
	return first[0] == handshake || bytes.HasPrefix([]byte("PRI * HTTP/2.0"), first[:min(len(first), 14)])
}
