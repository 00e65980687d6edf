package cluster

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/buntime/keyval/internal/sleep"
)

const (
	maxPacket = 64 << 10 // more than UDP can carry
	maxConns  = 512      // open at once; members need a handful
)

// gossipLink is memberlist's transport on a Network. Unlike the library's own it
// ends every connection that it knows of when it is shut down, so that nothing
// outlives the cluster.
type gossipLink struct {
	network   Network
	advertise *net.TCPAddr
	tcp       net.Listener
	udp       net.PacketConn
	complain  func(msg string, args ...any)

	packets chan *memberlist.Packet
	streams chan net.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu    sync.Mutex // covers conns
	conns map[*gossipConn]struct{}
}

func newGossipLink(network Network, tcp net.Listener, udp net.PacketConn, advertise *net.TCPAddr, complain func(string, ...any)) *gossipLink {
	l := &gossipLink{
		network: network, advertise: advertise, tcp: tcp, udp: udp, complain: complain,
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), conns: map[*gossipConn]struct{}{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if s, ok := udp.(interface{ SetReadBuffer(int) error }); ok {
		_ = s.SetReadBuffer(1 << 20) // the system may allow less
	}
	return l
}

func (l *gossipLink) start() {
	l.wg.Go(l.acceptStreams)
	l.wg.Go(l.readPackets)
}

func (l *gossipLink) acceptStreams() {
	for {
		conn, err := l.tcp.Accept()
		if err != nil {
			if l.ctx.Err() != nil {
				return
			}
			l.complain("cannot accept a gossip connection", "error", err)
			sleep.For(l.ctx, 100*time.Millisecond)
			continue
		}
		kept, err := l.keep(conn)
		if err != nil {
			continue
		}
		select {
		case l.streams <- kept:
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *gossipLink) readPackets() {
	buf := make([]byte, maxPacket)
	for {
		n, from, err := l.udp.ReadFrom(buf)
		if l.ctx.Err() != nil {
			return
		}
		if err != nil || n == 0 {
			if err != nil {
				l.complain("cannot read a gossip packet", "error", err)
				sleep.For(l.ctx, 10*time.Millisecond)
			}
			continue
		}
		p := &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: from, Timestamp: time.Now()}
		select {
		case l.packets <- p:
		case <-l.ctx.Done():
			return
		}
	}
}

// FinalAdvertiseAddr implements memberlist.Transport.
func (l *gossipLink) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return l.advertise.IP, l.advertise.Port, nil
}

// WriteTo implements memberlist.Transport.
func (l *gossipLink) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = l.udp.WriteTo(b, to)
	return time.Now(), err
}

// PacketCh implements memberlist.Transport.
func (l *gossipLink) PacketCh() <-chan *memberlist.Packet { return l.packets }

// StreamCh implements memberlist.Transport.
func (l *gossipLink) StreamCh() <-chan net.Conn { return l.streams }

// DialTimeout implements memberlist.Transport.
func (l *gossipLink) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, timeout)
	defer cancel()
	conn, err := l.network.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return l.keep(conn)
}

// Shutdown implements memberlist.Transport and waits for what start began.
func (l *gossipLink) Shutdown() error {
	l.cancel()
	_ = l.tcp.Close()
	_ = l.udp.Close()
	l.mu.Lock()
	for c := range l.conns {
		_ = c.Conn.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
	return nil
}

type gossipConn struct {
	net.Conn
	link *gossipLink
}

func (c *gossipConn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

func (l *gossipLink) keep(conn net.Conn) (net.Conn, error) {
	c := &gossipConn{Conn: conn, link: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil || len(l.conns) >= maxConns {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	l.conns[c] = struct{}{}
	return c, nil
}
