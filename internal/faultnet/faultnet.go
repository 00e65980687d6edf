// Package faultnet is a network on 127.0.0.1 whose faults are chosen by a test and
// a seed: hosts are partitioned, packets lost, doubled, and delayed out of order.
//
// Connections of partitioned hosts hang as they would on a real network, until the
// partition heals, a deadline passes, or they are closed. The same seed gives the
// same sequence of choices; which packet meets which choice depends on timing.
package faultnet

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// Packets says what happens to UDP packets between different hosts.
type Packets struct {
	Drop      float64       // probability that a packet is lost
	Duplicate float64       // probability that a packet arrives twice
	Delay     time.Duration // packets arrive up to so much later, so out of order
}

// Net is a set of hosts. All methods may be called concurrently.
type Net struct {
	mu      sync.Mutex // covers the rest
	rand    *rand.Rand
	owners  map[string]string // host by address, "tcp 127.0.0.1:1234"
	groups  map[string]int    // by host; hosts in none are in group 0
	walled  map[string]bool   // TCP addresses behind a firewall
	packets Packets
	lossy   map[[2]string]bool // from and to whom no packet arrives
	changed chan struct{}      // closed and replaced when groups change
}

// New returns a network without faults.
func New(seed uint64) *Net {
	return &Net{
		rand: rand.New(rand.NewPCG(seed, seed)), owners: map[string]string{},
		groups: map[string]int{}, lossy: map[[2]string]bool{}, walled: map[string]bool{}, changed: make(chan struct{}),
	}
}

// Host returns the network as one host sees it.
func (n *Net) Host(name string) *Host { return &Host{net: n, name: name} }

// Partition lets hosts talk only within their group. Hosts in no group form one
// together. It replaces earlier partitions.
func (n *Net) Partition(groups ...[]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.groups)
	for i, group := range groups {
		for _, host := range group {
			n.groups[host] = i + 1
		}
	}
	n.changeLocked()
}

// Heal ends all partitions.
func (n *Net) Heal() { n.Partition() }

// Firewall keeps other hosts from talking to a TCP listener, over open connections
// too, as a packet filter does that drops.
func (n *Net) Firewall(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.walled[addr] = true
	n.changeLocked()
}

func (n *Net) changeLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// SetPackets changes what happens to packets from now on.
func (n *Net) SetPackets(p Packets) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.packets = p
}

// Lose loses all packets from one host to another. Their connections stay.
func (n *Net) Lose(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lossy[[2]string{from, to}] = true
}

// blocked reports whether a and b are apart, and a channel that closes when that
// may have changed.
func (n *Net) blocked(a, b string) (bool, <-chan struct{}) {
	return n.blockedAt(a, b, "")
}

// blockedAt is blocked for connections of a to b's listener on addr.
func (n *Net) blockedAt(a, b, addr string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.groups[a] != n.groups[b] || n.walled[addr] && a != b, n.changed
}

func (n *Net) own(network string, addr net.Addr, host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owners[network+" "+addr.String()] = host
}

// owner is the host that listens on addr; empty if none ever did.
func (n *Net) owner(network, addr string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owners[network+" "+addr]
}

// fate is how often a packet arrives, and when.
func (n *Net) fate(from, to string) (delays []time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lossy[[2]string{from, to}] || n.rand.Float64() < n.packets.Drop {
		return nil
	}
	copies := 1
	if n.rand.Float64() < n.packets.Duplicate {
		copies = 2
	}
	for range copies {
		delays = append(delays, time.Duration(n.rand.Float64()*float64(n.packets.Delay)))
	}
	return delays
}

// Host is one host's sockets.
type Host struct {
	net  *Net
	name string
}

// Listen opens a TCP listener of this host.
func (h *Host) Listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		h.net.own("tcp", l.Addr(), h.name)
	}
	return l, err
}

// ListenPacket opens a UDP socket of this host.
func (h *Host) ListenPacket(addr string) (net.PacketConn, error) {
	c, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", addr)
	if err != nil {
		return nil, err
	}
	h.net.own("udp", c.LocalAddr(), h.name)
	return &packetConn{PacketConn: c, host: h}, nil
}

// Dial connects to another host's listener, when the two are not apart.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	to := h.net.owner("tcp", addr)
	for {
		apart, changed := h.net.blockedAt(h.name, to, addr)
		if !apart {
			break
		}
		select {
		case <-ctx.Done():
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
		case <-changed:
		}
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, net: h.net, from: h.name, to: to, addr: addr, closed: make(chan struct{})}, nil
}

// packetConn applies the faults where packets are sent.
type packetConn struct {
	net.PacketConn
	host *Host
}

func (c *packetConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	n := c.host.net
	to := n.owner("udp", addr.String())
	if to == c.host.name {
		return c.PacketConn.WriteTo(p, addr)
	}
	if apart, _ := n.blocked(c.host.name, to); apart {
		return len(p), nil
	}
	for _, delay := range n.fate(c.host.name, to) {
		if delay == 0 {
			if _, err := c.PacketConn.WriteTo(p, addr); err != nil {
				return 0, err
			}
			continue
		}
		late := append([]byte(nil), p...)
		time.AfterFunc(delay, func() { _, _ = c.PacketConn.WriteTo(late, addr) })
	}
	return len(p), nil
}

// conn is the dialling end of a connection; holding its reads and writes holds both
// directions.
type conn struct {
	net.Conn
	net      *Net
	from, to string
	addr     string // of the listener
	closing  sync.Once
	closed   chan struct{}

	mu          sync.Mutex // covers the deadlines
	read, write time.Time
}

func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if gateErr := c.pass(c.readDeadline); gateErr != nil {
			_ = c.Close() // what was read is lost, so the stream is broken
			return 0, gateErr
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.pass(c.writeDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// pass waits while both ends are apart.
func (c *conn) pass(deadline func() time.Time) error {
	for {
		apart, changed := c.net.blockedAt(c.from, c.to, c.addr)
		if !apart {
			return nil
		}
		var expired <-chan time.Time
		if at := deadline(); !at.IsZero() {
			timer := time.NewTimer(time.Until(at))
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-changed:
		case <-expired:
			return os.ErrDeadlineExceeded
		case <-c.closed:
			return net.ErrClosed
		}
	}
}

func (c *conn) readDeadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

func (c *conn) writeDeadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write
}

func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.read, c.write = t, t
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.read = t
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.write = t
	c.mu.Unlock()
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
