package cluster

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/buntime/keyval/internal/sleep"
)

const (
	handshakeTimeout = 5 * time.Second
	maxHandshakes    = 64
)

// raftPort owns the raft listener for as long as the cluster lives. It lets in only
// connections that open with the current founding's preamble, and hands them to
// that founding's link.
type raftPort struct {
	cfg      Config
	listener net.Listener
	complain func(msg string, args ...any)

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	gate   chan struct{} // one token for each handshake under way

	mu      sync.Mutex // covers the rest
	current *raftLink
	conns   map[net.Conn]struct{}
}

func newRaftPort(cfg Config, l net.Listener, complain func(string, ...any)) *raftPort {
	p := &raftPort{cfg: cfg, listener: l, complain: complain, gate: make(chan struct{}, maxHandshakes), conns: map[net.Conn]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// start begins to accept.
func (p *raftPort) start() { p.wg.Go(p.accept) }

// close ends the listener and all connections, and waits.
func (p *raftPort) close() {
	p.cancel()
	_ = p.listener.Close()
	p.mu.Lock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *raftPort) accept() {
	for {
		conn, err := p.listener.Accept()
		if p.ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil {
			p.complain("cannot accept a raft connection", "error", err)
			sleep.For(p.ctx, 100*time.Millisecond)
			continue
		}
		select {
		case p.gate <- struct{}{}:
			p.wg.Go(func() {
				defer func() { <-p.gate }()
				p.admit(conn)
			})
		default:
			_ = conn.Close()
		}
	}
}

// admit reads the preamble and passes the connection on, or closes it.
func (p *raftPort) admit(conn net.Conn) {
	p.track(conn, true)
	defer p.track(conn, false)
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	secure := conn
	if p.cfg.RaftTLS != nil {
		secure = tls.Server(conn, p.cfg.RaftTLS())
	}
	var got [32]byte
	if _, err := io.ReadFull(secure, got[:]); err != nil {
		_ = conn.Close()
		if p.ctx.Err() == nil && !errors.Is(err, io.EOF) {
			p.complain(refusedUnheard(err), "from", conn.RemoteAddr(), "error", err)
		}
		return
	}
	_ = conn.SetDeadline(time.Time{})
	p.mu.Lock()
	link := p.current
	p.mu.Unlock()
	if link == nil || subtle.ConstantTimeCompare(got[:], link.preamble[:]) != 1 || !link.give(secure) {
		_ = conn.Close()
		if link != nil {
			p.complain(refusedHeard(got), "from", conn.RemoteAddr())
		}
	}
}

// refusedUnheard says why a connection was refused that did not get as far as its
// preamble.
func refusedUnheard(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "a raft connection without TLS was refused: give all nodes raft-tls-cert, raft-tls-key and raft-tls-ca, or none"
	}
	return "a raft connection was refused before it said anything"
}

// refusedHeard says why a connection with a wrong preamble was refused: it may be the
// first record of TLS, a handshake of version 3.
func refusedHeard(preamble [32]byte) string {
	if preamble[0] == 22 && preamble[1] == 3 {
		return "a raft connection with TLS was refused: give all nodes raft-tls-cert, raft-tls-key and raft-tls-ca, or none"
	}
	return "a raft connection of another cluster or founding, or to another node, was refused"
}

func (p *raftPort) track(conn net.Conn, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !on {
		delete(p.conns, conn)
		return
	}
	p.conns[conn] = struct{}{}
	if p.ctx.Err() != nil {
		_ = conn.Close()
	}
}

// link opens the port for one founding; closing the link shuts it again.
func (p *raftPort) link(f Founding, advertise net.Addr) *raftLink {
	l := &raftLink{
		port: p, founding: f, self: raftAddr{p.cfg.raftID(), advertise.String()}, preamble: f.preamble(p.cfg, p.cfg.raftID()),
		incoming: make(chan net.Conn), closed: make(chan struct{}), conns: map[*linkConn]struct{}{},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = l
	return l
}

// raftAddr is an address as raft sees it, "id@host:port": raft dials addresses, not
// servers, and must reach that server or none.
type raftAddr struct{ id, hostPort string }

// Network implements net.Addr.
func (raftAddr) Network() string { return "tcp" }

// String implements net.Addr.
func (a raftAddr) String() string { return a.id + "@" + a.hostPort }

func (a raftAddr) server() raft.ServerAddress { return raft.ServerAddress(a.String()) }

// parseRaftAddr takes apart what String has put together.
func parseRaftAddr(addr raft.ServerAddress) raftAddr {
	id, hostPort, _ := strings.Cut(string(addr), "@")
	return raftAddr{id, hostPort}
}

// raftLink is raft's stream layer within one founding.
type raftLink struct {
	port     *raftPort
	founding Founding
	self     raftAddr
	preamble [32]byte // of connections to this node
	incoming chan net.Conn
	closed   chan struct{}

	mu    sync.Mutex // covers conns and done
	conns map[*linkConn]struct{}
	done  bool
}

// linkConn tells its link when it is closed.
type linkConn struct {
	net.Conn
	link *raftLink
}

func (c *linkConn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

// keep remembers the connection, so that Close ends it too.
func (l *raftLink) keep(conn net.Conn) (net.Conn, error) {
	c := &linkConn{Conn: conn, link: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	l.conns[c] = struct{}{}
	return c, nil
}

func (l *raftLink) give(conn net.Conn) bool {
	kept, err := l.keep(conn)
	if err != nil {
		return false
	}
	select {
	case l.incoming <- kept:
		return true
	case <-l.closed:
		return false
	}
}

// Accept implements raft.StreamLayer.
func (l *raftLink) Accept() (net.Conn, error) {
	select {
	case conn := <-l.incoming:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements raft.StreamLayer with the address that others use.
func (l *raftLink) Addr() net.Addr { return l.self }

// Dial implements raft.StreamLayer.
func (l *raftLink) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.port.ctx, timeout)
	defer cancel()
	to := parseRaftAddr(address)
	conn, err := l.port.cfg.Network.Dial(ctx, to.hostPort)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(timeout))
	if conn, err = l.open(ctx, conn, to); err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return l.keep(conn)
}

// open does the client's side of the handshake. It closes conn if that fails.
func (l *raftLink) open(ctx context.Context, conn net.Conn, to raftAddr) (net.Conn, error) {
	if l.port.cfg.RaftTLS != nil {
		cfg := l.port.cfg.RaftTLS().Clone()
		if cfg.ServerName == "" {
			cfg.ServerName, _, _ = net.SplitHostPort(to.hostPort)
		}
		secure := tls.Client(conn, cfg)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("TLS handshake of raft: %w", err)
		}
		conn = secure
	}
	preamble := l.founding.preamble(l.port.cfg, to.id)
	if _, err := conn.Write(preamble[:]); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// Close implements raft.StreamLayer: no connection of this founding outlives it.
func (l *raftLink) Close() error {
	l.port.mu.Lock()
	if l.port.current == l {
		l.port.current = nil
	}
	l.port.mu.Unlock()

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return nil
	}
	l.done = true
	close(l.closed)
	for c := range l.conns {
		_ = c.Conn.Close()
	}
	return nil
}
