package nodetest

import "net"

// Port is a port of 127.0.0.1 that nobody else is given until Close, whether a
// process listens on it or not. It is for programs that must be told a port, and
// must find it free again after a restart.
type Port struct {
	addr    string       // 127.0.0.1:port
	release func() error // nil when there is nothing to give back
}

// Addr returns the address in the form 127.0.0.1:port.
func (p *Port) Addr() string { return p.addr }

// Number returns the port alone, in decimal digits.
func (p *Port) Number() string {
	_, number, err := net.SplitHostPort(p.addr)
	if err != nil {
		panic(err) // addr is made from a bound socket
	}
	return number
}

// Close gives the port back. A second Close does nothing.
func (p *Port) Close() error {
	release := p.release
	if release == nil {
		return nil
	}
	p.release = nil
	return release()
}
