package nodetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// FaultProxy is a TCP proxy that misbehaves when told to. It stands in front of
// a server, for example sqld, and its faults happen at exact points of an
// exchange, never by chance.
//
// HTTP/1 requests are read whole and then forwarded byte for byte, so that a
// fault can wait for a certain request. Everything else passes as it comes
// (WebSocket after its upgrade, HTTP/2 and gRPC, TLS, any other protocol): there
// each chunk that the client sends counts as a request, and since such bytes are
// masked, compressed or encrypted, only an empty match is of use. The same holds
// for what follows a request that expects "100 Continue".
//
// The official libSQL driver over http:// sends a second request of its own after
// a single statement, which closes the statement's stream, at a time of its own.
// A fault without match may meet that one, and counts include it.
//
// Switches (Refuse, BlackHole, PauseAnswers, SetDelay) hold for all connections
// until they are undone. Faults (the Cut…, Hold…, Duplicate… and NoteNextRequest
// methods) happen once, to the first request after the call that contains the
// bytes that they name; several wait in the order in which they were set. Its
// methods may be called by several goroutines at once.
type FaultProxy struct {
	target string
	port   *Port
	tasks  sync.WaitGroup // accept loops and connections

	mu       sync.Mutex // covers the fields below
	listener net.Listener
	conns    map[*proxyConn]struct{}
	faults   []*Fault // those that wait for their request, in order
	holding  []*Fault // those that hold a request or an answer, or are about to
	switches switches
	changed  chan struct{} // closed and renewed when switches change
	stats    ProxyStats
	closed   bool
}

// switches are the lasting faults.
type switches struct {
	blackHole    bool
	pauseAnswers bool
	delay        time.Duration
}

func isBlackHole(s switches) bool { return s.blackHole }

// ProxyStats counts what a FaultProxy has seen since it was started.
type ProxyStats struct {
	Accepted    int // connections accepted
	Open        int // of these, still open
	Cut         int // of these, cut by the proxy
	Requests    int // requests read from clients, forwarded or not
	HeldAnswers int // answers held now, by PauseAnswers or HoldNextAnswer
}

// StartFaultProxy starts a proxy on a port of its own that forwards to target,
// given as host:port. Nothing has to listen there yet.
func StartFaultProxy(target string) (*FaultProxy, error) {
	port, err := ReservePort()
	if err != nil {
		return nil, err
	}
	p := &FaultProxy{
		target:  target,
		port:    port,
		conns:   make(map[*proxyConn]struct{}),
		changed: make(chan struct{}),
	}
	if err := p.Accept(); err != nil {
		return nil, errors.Join(err, port.Close())
	}
	return p, nil
}

// Addr returns the proxy's address, as host:port.
func (p *FaultProxy) Addr() string { return p.port.Addr() }

// HTTPURL returns the proxy's address as an http:// URL without trailing slash.
func (p *FaultProxy) HTTPURL() string { return "http://" + p.Addr() }

// WSURL returns the proxy's address as a ws:// URL without trailing slash.
func (p *FaultProxy) WSURL() string { return "ws://" + p.Addr() }

// Stats returns the counts of this moment.
func (p *FaultProxy) Stats() ProxyStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.Open = len(p.conns)
	return stats
}

// Refuse closes the listening port: new connections are refused, existing ones
// go on. [FaultProxy.Accept] undoes it.
func (p *FaultProxy) Refuse() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return nil
	}
	err := p.listener.Close()
	p.listener = nil
	return err
}

// Accept listens again after [FaultProxy.Refuse], on the same address.
func (p *FaultProxy) Accept() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil || p.closed {
		return nil
	}
	listener, err := net.Listen("tcp", p.port.Addr())
	if err != nil {
		return fmt.Errorf("fault proxy: %w", err)
	}
	p.listener = listener
	p.tasks.Go(func() { p.acceptFrom(listener) })
	return nil
}

// BlackHole makes the proxy accept connections and read nothing more from
// anybody, on new and existing connections, as a network does that loses every
// packet. [FaultProxy.Heal] undoes it: what was sent meanwhile then arrives late.
func (p *FaultProxy) BlackHole() { p.set(func(s *switches) { s.blackHole = true }) }

// PauseAnswers forwards requests but holds every answer back at its next byte.
// [FaultProxy.ResumeAnswers] lets them through; [FaultProxy.CutConnections]
// drops them.
func (p *FaultProxy) PauseAnswers() { p.set(func(s *switches) { s.pauseAnswers = true }) }

// ResumeAnswers undoes [FaultProxy.PauseAnswers].
func (p *FaultProxy) ResumeAnswers() { p.set(func(s *switches) { s.pauseAnswers = false }) }

// SetDelay makes every request wait for d before it is forwarded. Zero undoes it.
func (p *FaultProxy) SetDelay(d time.Duration) { p.set(func(s *switches) { s.delay = d }) }

// CutConnections resets all existing connections on both sides and returns how
// many there were. New ones are served as before.
func (p *FaultProxy) CutConnections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.reset()
	}
	p.stats.Cut += len(p.conns)
	cut := len(p.conns)
	clear(p.conns)
	return cut
}

// Heal undoes all switches and takes back all faults that have not happened;
// requests and answers that a fault holds go on.
func (p *FaultProxy) Heal() error {
	p.mu.Lock()
	faults := slices.Concat(p.faults, p.holding)
	p.mu.Unlock()
	for _, fault := range faults {
		fault.Release()
	}
	p.set(func(s *switches) { *s = switches{} })
	return p.Accept()
}

// Close refuses new connections, resets the existing ones, and waits until
// nothing of the proxy runs any more.
func (p *FaultProxy) Close() error {
	err := p.Refuse()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.CutConnections()
	p.tasks.Wait()
	return errors.Join(err, p.port.Close())
}

// Send sends the bytes of an HTTP request to the target on a connection of its
// own and returns the answer's status and body. With [Fault.Request] it replays a
// request that was answered long ago, as a middlebox that retries might.
func (p *FaultProxy) Send(ctx context.Context, request []byte) (status int, body []byte, err error) {
	return sendRaw(ctx, p.target, request)
}

func (p *FaultProxy) set(change func(*switches)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.switches)
	close(p.changed)
	p.changed = make(chan struct{})
}

// acceptFrom serves the connections of one listener until it is closed.
func (p *FaultProxy) acceptFrom(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return // closed: nothing else can end a loopback listener
		}
		c := newProxyConn(p, client.(*net.TCPConn))
		if !p.register(c) {
			c.reset()
			return
		}
		p.tasks.Go(func() {
			defer p.unregister(c)
			c.serve()
		})
	}
}

func (p *FaultProxy) register(c *proxyConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.conns[c] = struct{}{}
	p.stats.Accepted++
	return true
}

func (p *FaultProxy) unregister(c *proxyConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// cut resets one connection as a fault.
func (p *FaultProxy) cut(c *proxyConn, how func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.conns[c]; open {
		p.stats.Cut++
	}
	delete(p.conns, c)
	how()
}

// meet counts a request and returns the fault that waited for it,
// if there is one.
func (p *FaultProxy) meet(r *rawRequest) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Requests++
	i := slices.IndexFunc(p.faults, func(f *Fault) bool { return r.contains(f.match) })
	if i < 0 {
		return nil
	}
	fault := p.faults[i]
	p.faults = slices.Delete(p.faults, i, i+1)
	if fault.kind == holdRequest || fault.kind == holdAnswer {
		p.holding = append(p.holding, fault)
	}
	fault.request = r.bytes
	return fault
}

// await returns true when the switches do not block any more and false when the
// connection is closed first.
func (p *FaultProxy) await(c *proxyConn, blocked func(switches) bool) bool {
	for {
		p.mu.Lock()
		wait, changed := blocked(p.switches), p.changed
		p.mu.Unlock()
		if !wait {
			return true
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return false
		}
	}
}

// delay returns how long a request has to wait now.
func (p *FaultProxy) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.switches.delay
}

// awaitAnswers is await for PauseAnswers, and counts the answer while it is held.
func (p *FaultProxy) awaitAnswers(c *proxyConn) bool {
	p.mu.Lock()
	paused := p.switches.pauseAnswers
	p.mu.Unlock()
	if !paused {
		return true
	}
	p.countHeld(+1)
	defer p.countHeld(-1)
	return p.await(c, func(s switches) bool { return s.pauseAnswers })
}

func (p *FaultProxy) countHeld(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.HeldAnswers += n
}

// arm makes a fault wait for its request.
func (p *FaultProxy) arm(kind faultKind, match []byte, after int) *Fault {
	fault := &Fault{
		proxy:    p,
		kind:     kind,
		match:    slices.Clone(match),
		after:    after,
		happened: make(chan struct{}),
		resumed:  make(chan struct{}),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fault)
	return fault
}

// forget drops a fault that is taken back or let go on.
func (p *FaultProxy) forget(fault *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isFault := func(f *Fault) bool { return f == fault }
	p.faults = slices.DeleteFunc(p.faults, isFault)
	p.holding = slices.DeleteFunc(p.holding, isFault)
}
